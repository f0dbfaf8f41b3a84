"""Strain and repair in one client's session-by-session scores. Pure and causal.

What is said of a session depends on that session and those before it, never on later ones: an alert that was raised stays as it
was. A score drop is *consistent with* strain; it is no verdict on anybody, and a high score is no proof of safety.

Several rules run side by side and flag sessions. One of them, a setting, opens the episodes. How often each rule is wrong, and
what no rule can find, is measured in docs/alliance-detection.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from services.alliance_measurement.courses.domain import charts, dynamic_model
from services.alliance_measurement.courses.domain.dynamic_model import Model

WATCH: Final = 2.95
"""evidence (log of a Bayes factor) above which a session is watched: in about one of five stable courses of 20 sessions"""
STRAIN: Final = 4.1
"""evidence above which an episode opens: in about one of twenty stable courses of 20 sessions"""
REPAIRED: Final = 3.3
"""evidence of a return above which an episode is called repaired: in less than one of twenty falls that last"""


class Rule(StrEnum):
    """Rules run side by side; each is named by its method."""

    DYNAMIC_MODEL = "dynamic-model"
    """cumulative Bayes factor of a dynamic linear model: the default"""
    RELIABLE_CHANGE = "reliable-change"
    TWO_SESSION_MEAN = "two-session-mean"
    CUSUM = "cusum"
    X_MR = "x-mr"
    EWMA = "ewma"
    DROP_1_SD = "drop-1-sd"
    DROP_2_SD = "drop-2-sd"


class Level(StrEnum):
    NONE = "none"
    WATCH = "watch"
    """shown; nobody is prompted"""
    STRAIN = "strain"
    """an episode is open; a prompt says so"""


@dataclass(frozen=True, slots=True)
class StrainRules:
    """Constants of one instrument's rules, with where they come from. Scores and standard deviations are points."""

    sd: float
    """standard deviation of the total between clients"""
    reliability: float
    """of the total, 0 up to but not 1"""
    citation: str
    within_sd: float = 3.5
    """usual standard deviation of one client's totals between sessions. No published figure was found: set your own"""
    phi: float = 0.3
    """correlation of a client's fluctuation from one session to the next, 0 up to but not 1"""
    spread_df: float = 16.0
    """degrees of freedom of `within_sd`: the smaller, the more clients differ in their spread"""
    opens: Rule = Rule.DYNAMIC_MODEL
    """the rule that opens episodes: dynamic-model or reliable-change"""
    watch: float = WATCH
    strain: float = STRAIN
    repaired: float = REPAIRED
    min_baseline: int = 5
    """sessions that must lie before the first one that the other rules judge"""
    ewma_weight: float = 0.2
    ewma_width: float = 3.0
    cusum_allowance: float = 0.5
    cusum_decision: float = 11.2
    two_session_width: float = 3.2
    mean_spread: float = 0.0
    """mean of clients' own standard deviations; 0 where it is not known"""
    spread_floor: float = 1.0
    """least standard deviation that the drop rules reckon with"""

    @property
    def reliable_change(self) -> float:
        return charts.reliable_change(self.sd, self.reliability)

    @property
    def model(self) -> Model:
        return Model(within_sd=self.within_sd, phi=self.phi, spread_df=self.spread_df)


@dataclass(frozen=True, slots=True)
class Episode:
    """One run of strain. Sessions are 1-based numbers among the answered administrations, in order of answering."""

    onset: int
    """session from which on the scores are lower"""
    low: float
    """lowest total from onset to repair, or so far"""
    rules: tuple[Rule, ...]
    """rules that flagged a session of it"""
    repaired_at: int | None = None
    raised_at: int = 0
    """session at which it was found"""


@dataclass(frozen=True, slots=True)
class Course:
    """What the rules say of a whole series."""

    flags: tuple[frozenset[Rule], ...]
    """for each session, the rules that flag it"""
    episodes: tuple[Episode, ...]
    levels: tuple[Level, ...] = ()
    """for each session, as judged when it was answered"""
    before: int = 0
    """sessions before the first of `flags`, where only the newest ones were assessed"""

    @property
    def level(self) -> Level:
        """Of the newest session."""
        return self.levels[-1] if self.levels else Level.NONE

    def renumbered(self, before: int) -> "Course":
        """The same, with sessions numbered in the whole course, of which the first `before` were left out."""
        moved = tuple(
            replace(
                e,
                onset=e.onset + before,
                raised_at=e.raised_at + before,
                repaired_at=None if e.repaired_at is None else e.repaired_at + before,
            )
            for e in self.episodes
        )
        return replace(self, episodes=moved, before=before)


@dataclass(frozen=True, slots=True)
class Found:
    """What the rule that opens episodes says: spans of sessions as 1-based numbers, and the level of each session."""

    spans: tuple[tuple[int, int, int | None], ...]
    """onset, raised at, repaired at"""
    levels: tuple[Level, ...]


def assess(totals: Sequence[float | None], rules: StrainRules) -> Course:
    """The course of a series of totals. A null total (too much missing) counts as a session and is never judged."""
    found = OPENING[rules.opens](totals, rules)
    flags = flags_of(totals, rules)
    if rules.opens is Rule.DYNAMIC_MODEL:
        for number, level in enumerate(found.levels):
            if level is Level.STRAIN and totals[number] is not None:
                flags[number].add(Rule.DYNAMIC_MODEL)
    episodes = []
    for onset, raised, repaired in found.spans:
        run = range(onset - 1, (repaired - 1) if repaired is not None else len(totals))
        seen = {rule for n in run for rule in flags[n]}
        low = min(total for n in run if (total := totals[n]) is not None)
        episodes.append(Episode(onset, low, tuple(r for r in Rule if r in seen), repaired, raised))
    return Course(tuple(frozenset(f) for f in flags), tuple(episodes), found.levels)


def by_dynamic_model(totals: Sequence[float | None], rules: StrainRules) -> Found:
    """Episodes by the dynamic model. After a repair the sessions of the episode are left out of what comes later."""
    model, observed = rules.model, np.array([t is not None for t in totals], dtype=np.bool_)
    scores = np.array([[0.0 if t is None else t for t in totals]])
    spans: list[tuple[int, int, int | None]] = []
    levels = [Level.NONE] * len(totals)
    start, first = 0, 1
    while start < len(totals):
        filtered = dynamic_model.filtered(scores, observed, model)
        evidence, onsets = dynamic_model.evidence_of_fall(filtered, model, first=first)
        raised = next((t for t in range(start, len(totals)) if observed[t] and evidence[0, t] > rules.strain), None)
        for t in range(start, len(totals) if raised is None else raised):
            levels[t] = Level.WATCH if observed[t] and evidence[0, t] > rules.watch else Level.NONE
        if raised is None:
            break
        onset = int(onsets[0, raised])
        back, returns = dynamic_model.evidence_of_return(filtered, model, onset)
        repaired = next((t for t in range(raised + 1, len(totals)) if observed[t] and back[0, t] > rules.repaired), None)
        for t in range(raised, len(totals) if repaired is None else repaired):
            levels[t] = Level.STRAIN
        spans.append((onset + 1, raised + 1, None if repaired is None else repaired + 1))
        if repaired is None:
            break
        observed = observed.copy()
        observed[onset : int(returns[0, repaired])] = False
        start, first = repaired, repaired
    return Found(tuple(spans), tuple(levels))


def by_reliable_change(totals: Sequence[float | None], rules: StrainRules) -> Found:
    """Episodes opened by reliable change against all sessions before; the baseline is then frozen. Repaired at the first session
    where neither reliable change nor X-mR flags and the score is within one reliable change of the frozen mean, on either side.
    Kept as a vector: docs/alliance-detection.md shows how often it is wrong."""
    spans: list[tuple[int, int, int | None]] = []
    levels: list[Level] = []
    usable: list[float] = []
    frozen: charts.Baseline | None = None
    for number, total in enumerate(totals, 1):
        if total is not None:
            if frozen is None and len(usable) >= rules.min_baseline:
                base = charts.baseline(usable)
                if base.mean - total >= rules.reliable_change:
                    frozen = base
                    spans.append((number, number, None))
            if frozen is not None:
                settled = frozen.mean - total < rules.reliable_change and total >= frozen.lower_limit
                if settled and abs(total - frozen.mean) <= rules.reliable_change:
                    spans[-1] = (*spans[-1][:2], number)
                    frozen = None
            usable.append(total)
        levels.append(Level.STRAIN if frozen is not None else Level.NONE)
    return Found(tuple(spans), tuple(levels))


OPENING: Final[dict[Rule, Callable[[Sequence[float | None], StrainRules], Found]]] = {
    Rule.DYNAMIC_MODEL: by_dynamic_model,
    Rule.RELIABLE_CHANGE: by_reliable_change,
}
"""rules that may open episodes"""


def flags_of(totals: Sequence[float | None], rules: StrainRules) -> list[set[Rule]]:
    """For each session, the rules beside the dynamic model that flag it."""
    flags = [set[Rule]() for _ in totals]
    places = [n for n, total in enumerate(totals) if total is not None]
    usable = [total for total in totals if total is not None]
    if len(usable) <= rules.min_baseline:
        return flags
    first, run = charts.baseline(usable[: rules.min_baseline]), usable[rules.min_baseline :]
    sums = charts.lower_cusum(first, run, allowance=rules.cusum_allowance, decision=rules.cusum_decision)
    averages = charts.ewma(first, run, weight=rules.ewma_weight, width=rules.ewma_width)
    for n, place in enumerate(places[rules.min_baseline :]):
        seen = usable[: rules.min_baseline + n]
        flags[place] = _flagged(seen, run[n], rules)
        flags[place] |= {rule for rule, points in ((Rule.CUSUM, sums), (Rule.EWMA, averages)) if points[n].flagged}
    return flags


def _flagged(before: Sequence[float], x: float, rules: StrainRules) -> set[Rule]:
    """Rules that judge `x` by all sessions before it."""
    base, found = charts.baseline(before), set[Rule]()
    if base.mean - x >= rules.reliable_change:
        found.add(Rule.RELIABLE_CHANGE)
    if x < base.lower_limit:
        found.add(Rule.X_MR)
    if (before[-1] + x) / 2 < charts.two_session_limit(before[:-1], rules.within_sd, width=rules.two_session_width):
        found.add(Rule.TWO_SESSION_MEAN)
    for rule, multiple in ((Rule.DROP_1_SD, 1.0), (Rule.DROP_2_SD, 2.0)):
        least = charts.drop_limit(base.spread, multiple=multiple, mean_spread=rules.mean_spread, floor=rules.spread_floor)
        if before[-1] - x >= least:
            found.add(rule)
    return found


def no_room_to_rise(total: float, rules: StrainRules, *, scale_max: float) -> bool:
    """Whether a total is so near the ceiling that a reliable rise could not show."""
    return total + rules.reliable_change > scale_max

"""Strain and repair in one client's session-by-session scores. Pure and causal.

What is said of a session depends on that session and those before it, never on later ones: an alert that was raised stays as
it was. A score drop is *consistent with* strain; it is no verdict on anybody, and a high score is no proof of safety.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from services.alliance_measurement.domain import charts
from services.alliance_measurement.domain.charts import Baseline


class Rule(StrEnum):
    """Rules run side by side. Only the first opens an episode; the first two keep it open."""

    RELIABLE_CHANGE = "reliable-change"
    X_MR = "x-mr"
    EWMA = "ewma"
    CUSUM = "cusum"
    DROP_1_SD = "drop-1-sd"
    DROP_2_SD = "drop-2-sd"


@dataclass(frozen=True, slots=True)
class StrainRules:
    """Constants of one instrument's rules, each with where it comes from."""

    sd: float
    """standard deviation of the total between clients, in points"""
    reliability: float
    """of the total, 0 up to but not 1"""
    citation: str
    min_baseline: int = 5
    """sessions that must lie before the first one judged"""
    ewma_weight: float = 0.2
    ewma_width: float = 3.0
    cusum_allowance: float = 0.5
    cusum_decision: float = 4.0
    mean_spread: float = 0.0
    """mean of clients' own standard deviations, in points; 0 where it is not known"""
    spread_floor: float = 1.0
    """least standard deviation that the drop rules reckon with, in points"""

    @property
    def reliable_change(self) -> float:
        return charts.reliable_change(self.sd, self.reliability)


@dataclass(frozen=True, slots=True)
class Episode:
    """One run of strain. Sessions are 1-based numbers among the answered administrations, in order of answering."""

    onset: int
    low: float
    """lowest total from onset to repair, or so far"""
    rules: tuple[Rule, ...]
    """rules that flagged a session of it"""
    repaired_at: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What the rules say of a whole series."""

    flags: tuple[frozenset[Rule], ...]
    """for each session, the rules that flag it"""
    episodes: tuple[Episode, ...]
    before: int = 0
    """sessions before the first of `flags`, where only the newest ones were assessed"""

    def renumbered(self, before: int) -> "Course":
        """The same, with sessions numbered in the whole course, of which the first `before` were left out."""
        moved = tuple(
            replace(e, onset=e.onset + before, repaired_at=None if e.repaired_at is None else e.repaired_at + before)
            for e in self.episodes
        )
        return replace(self, episodes=moved, before=before)


@dataclass(slots=True)
class _Open:
    base: Baseline
    since: int
    """index into the usable scores of the first session after the frozen baseline"""


@dataclass(slots=True)
class _Watch:
    rules: StrainRules
    usable: list[float] = field(default_factory=list)
    charted: _Open | None = None
    """the newest frozen baseline, on which EWMA and CUSUM accumulate"""
    is_open: bool = False

    def flags(self, x: float) -> frozenset[Rule]:
        """Rules that flag `x`, given what came before it."""
        if len(self.usable) < self.rules.min_baseline:
            return frozenset()
        rules, before = self.rules, charts.baseline(self.usable)
        base = self.charted.base if self.charted is not None and self.is_open else before
        found = set()
        if base.mean - x >= rules.reliable_change:
            found.add(Rule.RELIABLE_CHANGE)
        if x < base.lower_limit:
            found.add(Rule.X_MR)
        fall = self.usable[-1] - x
        for rule, multiple in ((Rule.DROP_1_SD, 1.0), (Rule.DROP_2_SD, 2.0)):
            if fall >= charts.drop_limit(
                before.spread, multiple=multiple, mean_spread=rules.mean_spread, floor=rules.spread_floor
            ):
                found.add(rule)
        charted, run = (self.charted.base, self.usable[self.charted.since :]) if self.charted else (before, [])
        if charts.ewma(charted, [*run, x], weight=rules.ewma_weight, width=rules.ewma_width)[-1].flagged:
            found.add(Rule.EWMA)
        if charts.lower_cusum(charted, [*run, x], allowance=rules.cusum_allowance, decision=rules.cusum_decision)[-1].flagged:
            found.add(Rule.CUSUM)
        return frozenset(found)

    def freeze(self) -> None:
        """The sessions so far become the baseline."""
        self.charted = _Open(charts.baseline(self.usable), len(self.usable))
        self.is_open = True

    def repaired(self, x: float, flags: frozenset[Rule]) -> bool:
        """Neither rule flags, and the score is within one reliable change of the frozen mean, on either side."""
        assert self.charted is not None
        settled = not flags & {Rule.RELIABLE_CHANGE, Rule.X_MR}
        return settled and abs(x - self.charted.base.mean) <= self.rules.reliable_change


def assess(totals: Sequence[float | None], rules: StrainRules) -> Course:
    """The course of a series of totals; a null total (too much missing) counts as a session and is never judged.

    Before an episode, and after its repair, a session is judged by all sessions before it. From an onset on the baseline is
    frozen until repair; EWMA and CUSUM go on accumulating on it until the next onset.
    """
    watch, flagged, episodes = _Watch(rules), [], list[Episode]()
    for number, total in enumerate(totals, 1):
        if total is None:
            flagged.append(frozenset[Rule]())
            continue
        flags = watch.flags(total)
        if not watch.is_open and Rule.RELIABLE_CHANGE in flags:
            watch.freeze()
            flags = watch.flags(total)
            episodes.append(Episode(onset=number, low=total, rules=()))
        if watch.is_open:
            newest = episodes[-1]
            if watch.repaired(total, flags):
                episodes[-1] = replace(newest, repaired_at=number)
                watch.is_open = False
            else:
                seen = flags.union(newest.rules)
                episodes[-1] = replace(newest, low=min(newest.low, total), rules=tuple(r for r in Rule if r in seen))
        watch.usable.append(total)
        flagged.append(flags)
    return Course(tuple(flagged), tuple(episodes))


def no_room_to_rise(total: float, rules: StrainRules, *, scale_max: float) -> bool:
    """Whether a total is so near the ceiling that a reliable rise could not show."""
    return total + rules.reliable_change > scale_max

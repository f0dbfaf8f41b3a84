"""How often each strain rule is wrong, and how often it finds what is there: docs/alliance-detection.md, made anew.

Courses are simulated: whole points from 12 to 60, total standard deviation 9, a client's fluctuation carried over from session to
session (AR(1)). Nothing here is taken from any client. `python -m benchmarks.alliance_detection [courses a cell]`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.alliance_detection_page import Cell, page, picture
from infra.progress import Progress
from services.alliance_measurement.courses.domain.dynamic_model import (
    Filtered,
    Model,
    evidence_of_fall,
    evidence_of_return,
    filtered,
)
from services.alliance_measurement.courses.domain.strain import StrainRules, by_reliable_change, flags_of

Floats = NDArray[np.float64]
ROOT: Final = Path(__file__).parents[1]
CHUNK: Final = 256
"""courses at a time: what fits the processor's cache"""
RULES: Final = StrainRules(sd=9.0, reliability=0.92, citation="simulated")


@dataclass(frozen=True)
class Setting:
    """One kind of course. Sizes in points."""

    within: float = 3.5
    phi: float = 0.3
    heterogeneity: float = 0.0
    """standard deviation of the logarithm of clients' own within-client standard deviations"""
    growth: float = 0.0
    sessions: int = 20
    missing: float = 0.0
    mean: float = 44.0
    fall: float = 0.0
    """in within-client standard deviations"""
    onset: int = 10
    lasts: int | None = None
    """sessions; None: until the end"""
    drift: float = 0.0
    """points a session, from the first session on"""


def courses(rng: np.random.Generator, n: int, s: Setting) -> tuple[Floats, NDArray[np.bool_]]:
    """(n, sessions) scores, and which of them are there."""
    mean = rng.normal(s.mean, np.sqrt(81 - s.within**2), n)
    own = s.within * np.exp(rng.normal(0, s.heterogeneity, n) - s.heterogeneity**2 / 2)
    noise, wave = rng.normal(size=(n, s.sessions)), np.zeros((n, s.sessions))
    wave[:, 0] = noise[:, 0]
    for t in range(1, s.sessions):
        wave[:, t] = s.phi * wave[:, t - 1] + np.sqrt(1 - s.phi**2) * noise[:, t]
    session = np.arange(1, s.sessions + 1)
    end = s.sessions if s.lasts is None else s.onset + s.lasts - 1
    low = s.fall * s.within * ((session >= s.onset) & (session <= end))
    scores = mean[:, None] + own[:, None] * wave + (s.growth + s.drift) * (session - 1) - low
    there = rng.random((n, s.sessions)) >= s.missing
    there[:, 0] = True
    return np.clip(np.round(scores), 12, 60), there


def alike(there: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Places of the courses that have the same sessions missing, at most CHUNK at a time."""
    _, kind = np.unique(there, axis=0, return_inverse=True)
    order = np.argsort(kind, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        yield from (group[first : first + CHUNK] for first in range(0, len(group), CHUNK))


def evidence(scores: Floats, there: NDArray[np.bool_], model: Model) -> Floats:
    found = np.full(scores.shape, -np.inf)
    for places in alike(there):
        seen = there[places[0]]
        best, _ = evidence_of_fall(filtered(scores[places], seen, model), model)
        found[places] = np.where(seen, best, -np.inf)
    return found


def called_repaired(scores: Floats, rules: StrainRules, first: int) -> tuple[int, int]:
    """Of courses whose strain is found from index `first` on: how many, and how many of them are ever called repaired."""
    model, there = rules.model, np.ones(scores.shape[1], np.bool_)
    total = repaired = 0
    for start in range(0, len(scores), CHUNK):
        f = filtered(scores[start : start + CHUNK], there, model)
        found, onset = evidence_of_fall(f, model)
        hit = found > rules.strain
        raised = hit.argmax(axis=1)
        true = hit.any(axis=1) & (raised >= first)
        chosen = onset[np.arange(len(raised)), raised]
        for k in np.unique(chosen[true]):
            rows = np.flatnonzero(true & (chosen == k))
            back, _ = evidence_of_return(Filtered(f.z[rows], f.signatures, f.seen), model, int(k))
            later = np.arange(scores.shape[1])[None, :] > raised[rows][:, None]
            repaired += int(np.any((back > rules.repaired) & later, axis=1).sum())
            total += len(rows)
    return total, repaired


def oracle(scores: Floats, s: Setting, window: int | None) -> Floats:
    """What somebody could find who knows each course's mean, spread, carry-over and, with `window`, the length of its fall."""
    steps = np.arange(s.sessions)
    white = np.concatenate((scores[:, :1], (scores[:, 1:] - s.phi * scores[:, :-1]) / np.sqrt(1 - s.phi**2)), axis=1)
    best = np.full(scores.shape, -np.inf)
    for k in range(s.sessions):
        shape = (steps >= k) * 1.0
        lead = np.concatenate((shape[:1], (shape[1:] - s.phi * shape[:-1]) / np.sqrt(1 - s.phi**2)))
        weight = np.cumsum(lead * lead)
        found = -np.cumsum(white * lead, axis=1) / np.sqrt(np.where(weight > 0, weight, 1))
        found[:, :k] = -np.inf
        if window is not None:
            found[:, k + window :] = -np.inf
        best = np.maximum(best, found)
    return best


def share(values: Floats, limit: float, first: int = 0, last: int | None = None) -> float:
    return float(np.mean(np.any(values[:, first:last] > limit, axis=1)))


def cell(rng: np.random.Generator, n: int, stable: Setting, rules: StrainRules) -> Cell:
    """Figures of one kind of stable course, and of falls in it."""
    at = min(10, stable.sessions // 2)

    def of(s: Setting) -> Floats:
        return evidence(*courses(rng, n, s), rules.model)

    def found(s: Setting) -> tuple[float, float]:
        values = of(s)
        first = s.onset - 1
        return share(values, rules.strain, first), share(values, rules.watch, first)

    calm = of(stable)
    step = replace(stable, onset=at, fall=2.0)
    lasting = of(step)
    hit = lasting[:, at - 1 :] > rules.strain
    delays = hit.argmax(axis=1)[hit.any(axis=1)]
    drifting = of(replace(stable, drift=-0.5))
    total, repaired = called_repaired(courses(rng, n, replace(step, missing=0.0))[0], rules, at - 1)
    dips, back = called_repaired(courses(rng, n, replace(step, missing=0.0, lasts=3))[0], rules, at - 1)
    return Cell(
        false_strain=share(calm, rules.strain),
        false_watch=share(calm, rules.watch),
        one_three=found(replace(stable, onset=at, fall=1.0, lasts=3)),
        one_lasting=found(replace(stable, onset=at, fall=1.0)),
        two_three=found(replace(stable, onset=at, fall=2.0, lasts=3)),
        two_lasting=(share(lasting, rules.strain, at - 1), share(lasting, rules.watch, at - 1)),
        early=found(replace(stable, onset=3, fall=2.0)),
        drift=(share(drifting, rules.strain, 0, 16), share(drifting, rules.watch, 0, 16)),
        delay=float(np.median(delays)) if len(delays) else float("nan"),
        repaired_wrongly=repaired / total if total else float("nan"),
        repaired_rightly=back / dips if dips else float("nan"),
    )


def oracles(rng: np.random.Generator, n: int, s: Setting) -> dict[str, float]:
    """Power at 5 % false courses of somebody who knows what no clinic knows."""
    out = {}
    for name, fall, lasts, window in (
        ("one_three", 1.0, 3, 3),
        ("one_lasting", 1.0, None, None),
        ("two_three", 2.0, 3, 3),
        ("two_lasting", 2.0, None, None),
    ):
        values = []
        for kind in (s, replace(s, fall=fall, lasts=lasts)):
            state = rng.bit_generator.state
            mean = rng.normal(s.mean, np.sqrt(81 - s.within**2), n)
            rng.bit_generator.state = state
            values.append(oracle((courses(rng, n, kind)[0] - mean[:, None]) / s.within, s, window))
        limit = float(np.quantile(values[0].max(axis=1), 0.95))
        out[name] = share(values[1], limit, s.onset - 1)
    return out


def beside(rng: np.random.Generator, n: int, s: Setting) -> dict[str, float]:
    """Stable courses in which each of the other rules flags a session; reliable change, in which it opens an episode."""
    scores, _ = courses(rng, n, s)
    counts: dict[str, int] = {}
    for row in scores.tolist():
        for rule in set().union(*flags_of(row, RULES)):
            counts[str(rule)] = counts.get(str(rule), 0) + 1
        if by_reliable_change(row, RULES).spans:
            counts["reliable-change opens"] = counts.get("reliable-change opens", 0) + 1
    return {name: count / n for name, count in sorted(counts.items())}


def main(n: int, docs: Path = ROOT / "docs") -> None:
    """Writes `alliance-detection.md` and its picture below `docs`."""
    base = Setting()
    kinds: dict[str, Setting] = {
        f"within-SD {w}, φ {phi}, spread of SD {h}": Setting(within=w, phi=phi, heterogeneity=h)
        for w in (2.55, 3.5, 4.5)
        for phi in (0.0, 0.3, 0.5)
        for h in (0.0, 0.3)
    }
    kinds |= {
        "growth +.4 a session": replace(base, growth=0.4),
        "10 sessions": replace(base, sessions=10),
        "40 sessions": replace(base, sessions=40),
        "one in five missing": replace(base, missing=0.2),
        "near the ceiling (mean 54)": replace(base, mean=54.0),
    }
    default: dict[str, Cell] = {}
    fitted: dict[str, Cell] = {}
    bar = Progress(2 * len(kinds), "simulating")
    for name, s in kinds.items():
        default[name] = cell(np.random.default_rng(1), n, s, RULES)
        bar.step()
        fitted[name] = cell(np.random.default_rng(1), n, s, replace(RULES, within_sd=s.within, phi=s.phi))
        bar.step()
    bar.close()
    limits = oracles(np.random.default_rng(2), n, base)
    others = beside(np.random.default_rng(3), min(n, 2_000), base)
    sizes = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    curves: dict[str, list[float]] = {"strain": [], "strain or watch": [], "reliable change": []}
    for size in sizes:
        rng, s = np.random.default_rng(4), replace(base, fall=size)
        scores, there = courses(rng, n, s)
        values = evidence(scores, there, RULES.model)
        curves["strain"].append(share(values, RULES.strain))
        curves["strain or watch"].append(share(values, RULES.watch))
        some = scores[: min(n, 1_000)].tolist()
        curves["reliable change"].append(sum(bool(by_reliable_change(row, RULES).spans) for row in some) / len(some))
    (docs / "pictures/alliance-detection.svg").write_text(picture(sizes, curves))
    (docs / "alliance-detection.md").write_text(page(n, RULES, default, fitted, limits, others))
    print(f"written: {docs / 'alliance-detection.md'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

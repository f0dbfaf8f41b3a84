"""Control charts and change rules for one client's scores, one after the other. Pure.

No exact published formula for detecting strain could be confirmed, and the field has no standard for control charts here. So
each rule is named by its method, and none after an author (docs/adr/0060-strain-and-repair.md).

Every function judges sessions after a baseline by that baseline alone: limits of the whole course would be hindsight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt
from statistics import fmean

XMR_LIMIT = 2.66
"""limits of an individuals chart in mean moving ranges: 3 / 1.128"""
D2 = 1.128
"""mean range of two values in standard deviations"""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Mean and moving range of the sessions before the one that is judged."""

    mean: float
    moving_range: float
    """mean of |x(i) − x(i−1)|, in points"""
    spread: float
    """standard deviation, in points"""

    @property
    def sigma(self) -> float:
        """Short-term standard deviation in points."""
        return self.moving_range / D2

    @property
    def lower_limit(self) -> float:
        """Lower limit of the X-mR chart."""
        return self.mean - XMR_LIMIT * self.moving_range


def baseline(scores: Sequence[float]) -> Baseline:
    """Of at least two scores."""
    ranges = [abs(b - a) for a, b in pairwise(scores)]
    mean = fmean(scores)
    spread = sqrt(sum((x - mean) ** 2 for x in scores) / (len(scores) - 1))
    return Baseline(mean, fmean(ranges), spread)


def reliable_change(sd: float, reliability: float) -> float:
    """Points beyond which a difference is unlikely to be error of measurement: 1.96·√2·SD·√(1−r) (Jacobson & Truax, 1991)."""
    return 1.96 * sqrt(2) * sd * sqrt(1 - reliability)


@dataclass(frozen=True, slots=True)
class ChartPoint:
    value: float
    limit: float
    flagged: bool


def ewma(base: Baseline, scores: Sequence[float], *, weight: float = 0.2, width: float = 3.0) -> list[ChartPoint]:
    """Exponentially weighted moving average of `scores`, begun at the baseline's mean, with its exact lower limit."""
    points, z = [], base.mean
    for step, x in enumerate(scores, 1):
        z = weight * x + (1 - weight) * z
        limit = base.mean - width * base.sigma * sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * step)))
        points.append(ChartPoint(z, limit, z < limit))
    return points


def lower_cusum(base: Baseline, scores: Sequence[float], *, allowance: float = 0.5, decision: float = 4.0) -> list[ChartPoint]:
    """Lower cumulative sum of `scores`; `allowance` (k), `decision` (h) and values in σ. Without spread every fall is flagged."""
    points, total = [], 0.0
    for x in scores:
        total = max(0.0, total + (base.mean - allowance * base.sigma) - x)
        value = total / base.sigma if base.sigma else (inf if total else 0.0)
        points.append(ChartPoint(value, decision, value > decision))
    return points


def drop_limit(spread: float, *, multiple: float, mean_spread: float, floor: float) -> float:
    """Points that a fall from one session to the next has to reach: c·max(SD of this client, mean SD of clients, floor)."""
    return multiple * max(spread, mean_spread, floor)


def two_session_limit(before: Sequence[float], within_sd: float, *, width: float) -> float:
    """Points below which the mean of two sessions is unusual: mean − width·s·√(½ + 1/n), of the n sessions before them.

    s² = (8·σ_w² + (n−1)·s_i²) / (n + 7): the client's own variance, shrunk towards the usual one (`within_sd`, points).
    """
    n, mean = len(before), fmean(before)
    own = sum((x - mean) ** 2 for x in before)
    return mean - width * sqrt((8 * within_sd**2 + own) / (n + 7)) * sqrt(0.5 + 1 / n)

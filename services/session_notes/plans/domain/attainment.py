"""Goal attainment scaling: one T for several goals.

Source: Kiresuk and Sherman (1968), Community Mental Health Journal 4: T = 50 + 10·Σwx / √((1−ρ)Σw² + ρ(Σw)²), ρ = .3 the assumed
correlation between goals. 50: what was expected on the whole.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

RHO: Final = 0.3


class Rated(NamedTuple):
    level: int
    """-2 to 2"""
    weight: int


def t_score(rated: Sequence[Rated]) -> float | None:
    """Rounded to a tenth; None where no goal was rated."""
    if not rated:
        return None
    weights = [r.weight for r in rated]
    spread = sqrt((1 - RHO) * sum(w * w for w in weights) + RHO * sum(weights) ** 2)
    return round(50 + 10 * sum(r.weight * r.level for r in rated) / spread, 1)

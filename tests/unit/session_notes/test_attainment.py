"""Goal attainment scaling by its formula (Kiresuk and Sherman 1968), ρ = .3."""

import pytest

from services.session_notes.plans.domain.attainment import Rated, t_score


@pytest.mark.parametrize(
    ("rated", "expected"),
    [
        ([], None),
        ([Rated(0, 1)], 50.0),
        ([Rated(0, 3), Rated(0, 1)], 50.0),
        ([Rated(1, 1)], 60.0),
        ([Rated(-2, 5)], 30.0),
        # two goals of equal weight, both one above: 50 + 20 / sqrt(.7 * 2 + .3 * 4)
        ([Rated(1, 1), Rated(1, 1)], 62.4),
        # weights 3 and 1, levels 2 and -1: 50 + 50 / sqrt(.7 * 10 + .3 * 16)
        ([Rated(2, 3), Rated(-1, 1)], 64.6),
    ],
)
def test_one_t_for_several_goals(rated: list[Rated], expected: float | None) -> None:
    assert t_score(rated) == expected

"""Waits double, stay bounded, and spread."""

import pytest

from shared.messaging.backoff import Backoff


def test_waits_double_up_to_the_longest_and_begin_anew() -> None:
    backoff = Backoff(0.1, 0.5, fraction=lambda: 1.0)
    assert [backoff.delay() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    backoff.reset()
    assert backoff.delay() == 0.1


def test_waits_spread_over_the_upper_half() -> None:
    assert Backoff(1, 1, fraction=lambda: 0.0).delay() == 0.5
    assert Backoff(1, 1, fraction=lambda: 0.5).delay() == 0.75


@pytest.mark.parametrize(("first", "longest"), [(0, 1), (-1, 1), (2, 1)])
def test_waits_that_mean_nothing_are_refused(first: float, longest: float) -> None:
    with pytest.raises(ValueError, match="longest"):
        Backoff(first, longest)

"""Strain and repair, on the published series to the printed decimals and on the cases that mislead."""

import pytest

from services.alliance_measurement.courses.domain import charts
from services.alliance_measurement.courses.domain.strain import Episode, Rule, StrainRules, assess, no_room_to_rise

SERIES_A = (44, 45, 46, 45, 47, 46, 38, 41, 46, 47, 48, 48)
RULES = StrainRules(sd=9, reliability=0.92, citation="illustrative", opens=Rule.RELIABLE_CHANGE)


def flagged(rule: Rule, totals: tuple[float | None, ...] = SERIES_A) -> set[int]:
    return {n for n, flags in enumerate(assess(totals, RULES).flags, 1) if rule in flags}


def test_reliable_change_of_sd_9_and_r_92() -> None:
    assert round(RULES.reliable_change, 3) == 7.056


def test_baseline_of_series_a() -> None:
    base = charts.baseline(SERIES_A[:6])
    assert (base.mean, round(base.moving_range, 3), round(base.lower_limit, 3)) == (45.5, 1.2, 42.308)
    assert [n for n, x in enumerate(SERIES_A, 1) if x < base.lower_limit] == [7, 8]


def test_ewma_of_series_a() -> None:
    points = charts.ewma(charts.baseline(SERIES_A[:6]), SERIES_A[6:])
    assert [round(p.value, 3) for p in points] == [44.000, 43.400, 43.920, 44.536, 45.229, 45.783]
    assert [round(p.limit, 3) for p in points] == [44.862, 44.683, 44.586, 44.530, 44.495, 44.473]


def test_cusum_of_series_a() -> None:
    points = charts.lower_cusum(charts.baseline(SERIES_A[:6]), SERIES_A[6:])
    assert [round(p.value, 2) for p in points] == [6.55, 10.28, 9.31, 7.40, 4.55, 1.70]


@pytest.mark.parametrize(
    ("rule", "sessions"),
    [
        (Rule.RELIABLE_CHANGE, {7}),
        (Rule.TWO_SESSION_MEAN, set()),
        (Rule.X_MR, {7}),
        (Rule.EWMA, {7, 8, 9}),
        (Rule.CUSUM, set()),
        (Rule.DROP_1_SD, {7}),
        (Rule.DROP_2_SD, {7}),
    ],
)
def test_flags_of_series_a(rule: Rule, sessions: set[int]) -> None:
    assert flagged(rule) == sessions


def test_series_a_is_one_episode() -> None:
    (episode,) = assess(SERIES_A, RULES).episodes
    assert (episode.onset, episode.low, episode.repaired_at) == (7, 38, 9)
    assert episode.rules[:2] == (Rule.RELIABLE_CHANGE, Rule.X_MR)


def test_an_episode_is_open_until_its_repair() -> None:
    (episode,) = assess(SERIES_A[:8], RULES).episodes
    assert (episode.onset, episode.low, episode.repaired_at) == (7, 38, None)


def test_fewer_than_five_sessions_are_no_baseline() -> None:
    assert assess((46, 46, 46, 46, 20), RULES).episodes == ()
    assert [e.onset for e in assess((46, 46, 46, 46, 46, 20), RULES).episodes] == [6]


def test_a_change_below_the_reliable_one_makes_no_episode_even_without_any_spread() -> None:
    at_the_ceiling = (60, 60, 60, 60, 60, 60, 53)
    course = assess(at_the_ceiling, RULES)
    assert course.episodes == ()
    assert Rule.X_MR in course.flags[-1] and Rule.CUSUM in course.flags[-1]
    assert [e.onset for e in assess((*at_the_ceiling[:-1], 52), RULES).episodes] == [7]


@pytest.mark.parametrize(("total", "none"), [(60, True), (53, True), (52, False), (40, False)])
def test_no_room_to_rise(total: float, none: bool) -> None:
    assert no_room_to_rise(total, RULES, scale_max=60) is none


def test_x_mr_keeps_an_episode_open_and_the_baseline_stays_frozen() -> None:
    # 42 is within a reliable change of the frozen mean 45.5, yet below the limit 42.308
    (episode,) = assess((*SERIES_A[:7], 42, 42, 42, 42, 43), RULES).episodes
    assert (episode.onset, episode.low, episode.repaired_at) == (7, 38, 12)


def test_a_leap_beyond_the_frozen_mean_is_not_yet_a_repair() -> None:
    (episode,) = assess((*SERIES_A[:7], 56, 46), RULES).episodes
    assert episode.repaired_at == 9


def test_a_second_strain_is_a_second_episode() -> None:
    twice = (*SERIES_A, 34, 46)
    assert [(e.onset, e.low, e.repaired_at) for e in assess(twice, RULES).episodes] == [(7, 38, 9), (13, 34, 14)]


def test_low_is_the_lowest_of_the_run() -> None:
    (episode,) = assess((*SERIES_A[:7], 33, 36, 46), RULES).episodes
    assert (episode.low, episode.repaired_at) == (33, 10)


def test_a_session_without_a_total_counts_and_is_never_judged() -> None:
    course = assess((44, 45, None, 46, 45, 47, 46, None, 38, 46), RULES)
    assert [(e.onset, e.repaired_at) for e in course.episodes] == [(9, 10)]
    assert course.flags[2] == course.flags[7] == frozenset()


def test_nothing_is_said_of_nothing() -> None:
    assert assess((), RULES) == assess((), RULES).__class__((), ())
    assert assess((None,), RULES).episodes == ()


def test_drop_rules_have_a_floor() -> None:
    assert charts.drop_limit(0.1, multiple=2, mean_spread=0.0, floor=1.0) == 2.0
    assert charts.drop_limit(3.0, multiple=1, mean_spread=4.0, floor=1.0) == 4.0


def test_an_episode_shows_the_rules_in_a_fixed_order() -> None:
    (episode,) = assess(SERIES_A, RULES).episodes
    shown = (Rule.RELIABLE_CHANGE, Rule.X_MR, Rule.EWMA, Rule.DROP_1_SD, Rule.DROP_2_SD)
    assert episode == Episode(7, 38, shown, repaired_at=9, raised_at=7)

"""The dynamic model against an implementation of its own: the whole covariance of a course at once, and no filter."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.alliance_measurement.courses.domain.dynamic_model import Model, evidence_of_fall, evidence_of_return, filtered
from services.alliance_measurement.courses.domain.strain import Level, Rule, StrainRules, assess

RULES = StrainRules(sd=9, reliability=0.92, citation="illustrative")
MODEL = Model(within_sd=3.5, phi=0.3)
SERIES_A = (44, 45, 46, 45, 47, 46, 38, 41, 46, 47, 48, 48)
STRAINED_AND_REPAIRED = (44, 45, 46, 45, 47, 46, 33, 34, 46, 47, 48, 48)
Floats = NDArray[np.float64]


def covariance(m: Model, n: int) -> Floats:
    """Of `n` scores in within-client standard deviations, in multiples of V."""
    t = np.arange(n)
    reach = np.array([sum(m.damping**j for j in range(k)) for k in t])
    level = 1e6 + m.growth_sd**2 * np.outer(reach, reach) + m.level_sd**2 * np.minimum.outer(t, t)
    wave = m.phi ** np.abs(np.subtract.outer(t, t))
    whole: Floats = level + wave
    return whole


def log_density(y: Floats, mean: Floats, cov: Floats, df: float) -> float:
    """Of a multivariate t, up to what any two models of the same scores share. The first score only sets the level."""
    residual = y - mean
    q = float(residual @ np.linalg.solve(cov, residual))
    return float(-0.5 * np.linalg.slogdet(cov)[1] - (df + len(y) - 1) / 2 * np.log(df + q))


def by_hand(scores: Floats, m: Model, shapes: list[tuple[Floats, float, float]]) -> list[float]:
    """Log Bayes factor of each (shape, size, sd), judged at the last score."""
    n = len(scores)
    y, cov = scores / m.within_sd, covariance(m, n)
    mean = m.growth * np.array([sum(m.damping**j for j in range(k)) for k in range(n)])
    plain = log_density(y, mean, cov, m.spread_df)
    return [
        log_density(y, mean + size * shape, cov + sd**2 * np.outer(shape, shape), m.spread_df) - plain
        for shape, size, sd in shapes
    ]


def test_evidence_of_a_fall_agrees_with_the_whole_covariance_on_random_courses() -> None:
    rng = np.random.default_rng(11)
    for _ in range(300):
        n = int(rng.integers(3, 22))
        m = Model(within_sd=float(rng.uniform(2, 5)), phi=float(rng.uniform(0, 0.6)), spread_df=float(rng.uniform(4, 20)))
        scores = np.clip(np.round(rng.normal(44, 5, n)), 12, 60)
        t = np.arange(n)
        shapes = [(np.asarray(t >= k, np.float64), -m.fall, m.fall_sd) for k in range(1, n)]
        shapes += [(np.maximum(0, t - k + 1.0), -m.slope, m.slope_sd) for k in range(1, n - 2)]
        found, onset = evidence_of_fall(filtered(scores[None, :], np.ones(n, np.bool_), m), m)
        expected = by_hand(scores, m, shapes)
        assert found[0, -1] == pytest.approx(max(expected), abs=2e-3)
        best = int(np.argmax(expected))
        assert onset[0, -1] == best + 1 if best < n - 1 else best - (n - 1) + 1


def test_evidence_of_a_return_agrees_with_the_whole_covariance() -> None:
    rng = np.random.default_rng(12)
    for _ in range(100):
        n, onset = 16, int(rng.integers(1, 8))
        scores = np.round(rng.normal(44, 4, n))
        t = np.arange(n)
        lasting = (np.asarray(t >= onset, np.float64), -MODEL.fall, MODEL.fall_sd)
        ended = [(np.asarray((t >= onset) & (t < r), np.float64), -MODEL.fall, MODEL.fall_sd) for r in range(onset + 1, n)]
        (first,), rest = by_hand(scores, MODEL, [lasting]), by_hand(scores, MODEL, ended)
        found, _ = evidence_of_return(filtered(scores[None, :], np.ones(n, np.bool_), MODEL), MODEL, onset)
        assert found[0, -1] == pytest.approx(max(rest) - first, abs=2e-3)


def test_courses_side_by_side_are_judged_as_each_alone() -> None:
    rng = np.random.default_rng(13)
    scores, seen = np.round(rng.normal(44, 5, (50, 20))), rng.random(20) > 0.2
    seen[0] = True
    together, _ = evidence_of_fall(filtered(scores, seen, MODEL), MODEL)
    for row, found in zip(scores, together, strict=True):
        alone, _ = evidence_of_fall(filtered(row[None, :], seen, MODEL), MODEL)
        np.testing.assert_allclose(alone[0], found, rtol=1e-9)


def test_series_a_is_below_watch() -> None:
    course = assess(SERIES_A, RULES)
    assert course.episodes == ()
    assert set(course.levels) == {Level.NONE}


def test_a_deep_fall_is_strain_and_its_return_a_repair() -> None:
    (episode,) = assess(STRAINED_AND_REPAIRED, RULES).episodes
    assert (episode.onset, episode.raised_at, episode.low, episode.repaired_at) == (7, 7, 33, 9)
    assert Rule.DYNAMIC_MODEL in episode.rules


def test_a_slow_decline_is_found_although_no_session_stands_out() -> None:
    declining = [48 - 0.8 * n for n in range(20)]
    course = assess(declining, RULES)
    assert course.episodes and not any(Rule.DROP_1_SD in flags for flags in course.flags)


def test_strain_in_the_third_session_is_judged() -> None:
    assert [e.raised_at for e in assess((46, 47, 33, 32), RULES).episodes] == [4]


def test_one_low_score_of_a_client_who_always_varies_is_not_strain() -> None:
    varies = (44, 52, 38, 50, 40, 53, 39, 51, 41, 52, 38)
    assert assess(varies, RULES).episodes == ()


def test_a_watched_session_opens_no_episode() -> None:
    course = assess((44, 45, 46, 45, 47, 46, 36), RULES)
    assert (course.level, course.episodes) == (Level.WATCH, ())


def test_what_is_missing_teaches_nothing() -> None:
    with_gap = assess((44, 45, None, 46, 45, None, 47, 46, 33, 34), RULES)
    assert [e.onset for e in with_gap.episodes] == [9]
    assert (with_gap.levels[2], with_gap.levels[5]) == (Level.NONE, Level.NONE)


def test_nothing_is_said_of_nothing() -> None:
    assert assess((), RULES).episodes == assess((None, None), RULES).episodes == assess((40,), RULES).episodes == ()

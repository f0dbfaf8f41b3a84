"""What was said of a session stays said: later sessions change neither its flags, nor its level, nor any onset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alliance_measurement.courses.domain.strain import Rule, StrainRules, assess

BY_MODEL = StrainRules(sd=9, reliability=0.92, citation="illustrative")
BY_CHANGE = StrainRules(sd=9, reliability=0.92, citation="illustrative", opens=Rule.RELIABLE_CHANGE)
BOTH = pytest.mark.parametrize("rules", [BY_MODEL, BY_CHANGE], ids=lambda r: str(r.opens))
TOTALS = st.lists(st.one_of(st.none(), st.integers(12, 60)), max_size=30)


@BOTH
@given(before=TOTALS, later=st.lists(st.integers(12, 60), min_size=1, max_size=10))
def test_appending_sessions_changes_nothing_that_was_said(rules: StrainRules, before: list[int | None], later: list[int]) -> None:
    short, long = assess(before, rules), assess([*before, *later], rules)
    assert long.flags[: len(before)] == short.flags
    assert long.levels[: len(before)] == short.levels
    for said, now in zip(short.episodes, long.episodes, strict=False):
        assert (said.onset, said.raised_at) == (now.onset, now.raised_at)
        if said.repaired_at is not None:
            assert said == now
    assert all(e.raised_at > len(before) for e in long.episodes[len(short.episodes) :])


@BOTH
@given(totals=TOTALS)
def test_episodes_follow_one_another(rules: StrainRules, totals: list[int | None]) -> None:
    course, last = assess(totals, rules), 0
    for episode in course.episodes:
        assert max(last, 1) <= episode.onset <= episode.raised_at
        assert rules.opens in course.flags[episode.raised_at - 1]
        last = episode.repaired_at or len(totals) + 1
        assert last > episode.raised_at
        run = [t for t in totals[episode.onset - 1 : last - 1] if t is not None]
        assert episode.low == min(run)


@BOTH
@given(totals=st.lists(st.one_of(st.none(), st.integers(20, 50)), max_size=25), shift=st.integers(-8, 10))
def test_a_constant_shift_changes_no_episode(rules: StrainRules, totals: list[int | None], shift: int) -> None:
    moved = [None if t is None else t + shift for t in totals]
    assert [(e.onset, e.repaired_at) for e in assess(totals, rules).episodes] == [
        (e.onset, e.repaired_at) for e in assess(moved, rules).episodes
    ]


@given(TOTALS)
def test_by_reliable_change_an_episode_begins_with_one_after_a_baseline(totals: list[int | None]) -> None:
    for episode in assess(totals, BY_CHANGE).episodes:
        assert sum(t is not None for t in totals[: episode.onset - 1]) >= BY_CHANGE.min_baseline


@given(st.lists(st.integers(40, 46), max_size=30))
def test_no_episode_by_reliable_change_where_no_change_is_reliable(totals: list[int]) -> None:
    assert assess(totals, BY_CHANGE).episodes == ()

"""What was said of a session stays said: later sessions change neither its flags nor any onset."""

from hypothesis import given
from hypothesis import strategies as st

from services.alliance_measurement.domain.strain import Rule, StrainRules, assess

RULES = StrainRules(sd=9, reliability=0.92, citation="illustrative")
TOTALS = st.lists(st.one_of(st.none(), st.integers(12, 60)), max_size=30)


@given(TOTALS, st.lists(st.integers(12, 60), min_size=1, max_size=10))
def test_appending_sessions_changes_nothing_that_was_said(before: list[int | None], later: list[int]) -> None:
    short, long = assess(before, RULES), assess([*before, *later], RULES)
    assert long.flags[: len(before)] == short.flags
    for said, now in zip(short.episodes, long.episodes, strict=False):
        assert said.onset == now.onset
        if said.repaired_at is not None:
            assert said == now
    assert all(e.onset > len(before) for e in long.episodes[len(short.episodes) :])


@given(TOTALS)
def test_episodes_follow_one_another_and_begin_with_a_reliable_change(totals: list[int | None]) -> None:
    course = assess(totals, RULES)
    last = 0
    for episode in course.episodes:
        assert episode.onset > last
        assert Rule.RELIABLE_CHANGE in course.flags[episode.onset - 1]
        assert sum(t is not None for t in totals[: episode.onset - 1]) >= RULES.min_baseline
        last = episode.repaired_at or len(totals)
        assert last >= episode.onset
        run = [t for t in totals[episode.onset - 1 : last] if t is not None]
        assert episode.low == min(run)


@given(st.lists(st.integers(40, 46), max_size=30))
def test_no_episode_where_no_change_is_reliable(totals: list[int]) -> None:
    assert assess(totals, RULES).episodes == ()

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.eventstore.batch import place
from shared.eventstore.model import StreamAppend, VersionConflict
from tests.support.events import event, to


def test_versions_follow_the_newest() -> None:
    placed, after = place([to("a", event("1"), event("2"), at=4), to("b"), to("a", event("3"), at=6)], {"a": 4, "b": 0, "c": 9})
    assert [(p.stream, p.version) for p in placed] == [("a", 5), ("a", 6), ("b", 1), ("a", 7)]
    assert after == {"a": 7, "b": 1}


def test_no_events_only_check_the_version() -> None:
    assert place([StreamAppend("a", 3, ())], {"a": 3}) == ([], {"a": 3})
    with pytest.raises(VersionConflict, match="at version 4, not 3"):
        place([StreamAppend("a", 3, ())], {"a": 4})


def test_a_conflict_leaves_the_versions_alone() -> None:
    newest = {"a": 1, "b": 1}
    with pytest.raises(VersionConflict):
        place([to("a"), to("b", at=0)], newest)
    assert newest == {"a": 1, "b": 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 6), st.integers(0, 3))), st.integers(0, 3))
def test_versions_are_dense_or_nothing_is_placed(parts: list[tuple[str, int | None, int]], start: int) -> None:
    newest = dict.fromkeys("abc", start)
    appends = [StreamAppend(stream, expected, [event() for _ in range(count)]) for stream, expected, count in parts]
    try:
        placed, after = place(appends, newest)
    except VersionConflict:
        return
    for stream, version in after.items():
        assert [p.version for p in placed if p.stream == stream] == list(range(start + 1, version + 1))
    assert sum(len(a.events) for a in appends) == len(placed)

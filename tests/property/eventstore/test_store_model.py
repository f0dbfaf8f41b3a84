"""The store against a model of it: any mixture of concurrent appends, read back."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.eventstore.model import AlreadyHandled, InboxMark, StreamAppend, VersionConflict
from shared.eventstore.postgres import START, PostgresEventStore
from shared.service.clock import now
from tests.support.events import event
from tests.support.postgres import MakeDatabase

Call = tuple[list[tuple[str, int | None, int]], int | None]

_parts = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 4), st.integers(0, 3)), max_size=3)
_rounds = st.lists(st.lists(st.tuples(_parts, st.none() | st.integers(0, 2)), max_size=6), max_size=4)


@pytest.fixture(scope="session")
async def lasting(make_database: MakeDatabase) -> AsyncIterator[PostgresEventStore]:
    store = PostgresEventStore(await make_database("consent"), now=now)
    await store.open()
    yield store
    await store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=_rounds)
async def test_it_behaves_as_its_model(lasting: PostgresEventStore, rounds: list[list[Call]]) -> None:
    """Calls of one round run at once; a batch takes them in the order of their call, so the model does as well."""
    tenant = str(uuid4())
    streams: dict[str, list[UUID]] = {"a": [], "b": [], "c": []}
    handled: set[int] = set()
    for calls in rounds:
        pending, expected = [], []
        for parts, mark in calls:
            appends = [StreamAppend(s, at, [event() for _ in range(count)]) for s, at, count in parts]
            expected.append(_model(streams, handled, appends, mark))
            inbox = None if mark is None else InboxMark("c", UUID(int=mark))
            pending.append(lasting.append(tenant, appends, inbox=inbox))
        answers = await asyncio.gather(*pending, return_exceptions=True)
        assert [a if isinstance(a, dict) else type(a) for a in answers] == expected
    for stream, ids in streams.items():
        stored = await lasting.read_stream(tenant, stream)
        assert [e.event_id for e in stored] == ids
        assert [e.version for e in stored] == list(range(1, len(ids) + 1))
        assert await lasting.version(tenant, stream) == len(ids)
    everything = await lasting.read_fenced(tenant, START, 10_000)
    assert sorted(e.event_id for _, e in everything) == sorted(i for ids in streams.values() for i in ids)


def _model(
    streams: dict[str, list[UUID]], handled: set[int], appends: list[StreamAppend], mark: int | None
) -> dict[str, int] | type[Exception]:
    if mark in handled:
        return AlreadyHandled
    after = {a.stream: list(streams[a.stream]) for a in appends}
    for append in appends:
        if append.expected_version not in (None, len(after[append.stream])):
            return VersionConflict
        after[append.stream] += [e.event_id for e in append.events]
    streams.update(after)
    if mark is not None:
        handled.add(mark)
    return {stream: len(ids) for stream, ids in after.items()}

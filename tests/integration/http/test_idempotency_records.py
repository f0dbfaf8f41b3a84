"""The record of an idempotent request does not tell what was in it, not even to who guesses the body and reads the table."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from shared.eventstore.postgres import PostgresEventStore
from shared.http.call import Call
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.service.clock import now
from tests.support.postgres import MakeDatabase

BODY = b'{"answers":{"1":4,"2":4}}'
ROUTE = "POST /v1/administrations/1/responses"
TENANT = "north"


@pytest.fixture
async def store(make_database: MakeDatabase) -> AsyncIterator[PostgresEventStore]:
    opened = PostgresEventStore(await make_database("session_notes"), now=now)
    await opened.open()
    yield opened
    await opened.close()


def call(key: str) -> Call:
    return Call(Principal("t-rivera", TENANT, Role.THERAPIST), "token", None, "r-1", key)


async def kept(store: PostgresEventStore, idempotency: Idempotency, key: str) -> bytes:
    """What the table holds of the request after it was done once."""

    async def work(repeat: Repeat) -> Answer:
        answer = Answer(201, {"id": key})
        await store.append(TENANT, (), statements=repeat.statements(answer, None))
        return answer

    await idempotency.run(call(key), ROUTE, BODY, work)
    (row,) = await store.fetch(TENANT, "SELECT * FROM idempotency WHERE key = $1", key)
    assert BODY.decode() not in str(dict(row))
    return bytes(row["request"])


async def test_a_guessed_body_cannot_be_checked_without_the_secret(store: PostgresEventStore) -> None:
    ours = await kept(store, Idempotency(store, b"a" * 32), "k1")
    other = await kept(store, Idempotency(store, b"b" * 32), "k2")
    guesses = [BODY, ROUTE.encode() + BODY, b"idempotency\x00" + ROUTE.encode() + b"\x00" + BODY]
    assert ours not in [hashlib.sha256(g).digest() for g in guesses]
    assert ours != other


async def test_the_same_body_is_a_repeat_and_another_is_refused(store: PostgresEventStore) -> None:
    idempotency = Idempotency(store, b"a" * 32)
    await kept(store, idempotency, "k1")

    async def never(repeat: Repeat) -> Answer:
        raise AssertionError("it was done before")

    assert await idempotency.run(call("k1"), ROUTE, BODY, never) == (Answer(201, {"id": "k1"}), True)
    with pytest.raises(Problem) as refused:
        await idempotency.run(call("k1"), ROUTE, BODY.replace(b"4", b"3"), never)
    assert refused.value.status == 422

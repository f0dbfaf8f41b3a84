"""The record of an idempotent request does not tell what was in it, not even to who guesses the body and reads the table."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from shared.eventstore.model import UniqueViolation
from shared.eventstore.postgres import PostgresEventStore
from shared.http.call import Call
from shared.http.idempotency import Answer, Idempotency, Repeat, settled
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


def call(key: str, role: Role = Role.THERAPIST, *, sub: str = "t-rivera", client: str | None = None) -> Call:
    return Call(Principal(sub, TENANT, role, client_id=client), "token", None, "r-1", key)


async def never(repeat: Repeat) -> Answer:
    raise AssertionError("it was done before")


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

    assert await idempotency.run(call("k1"), ROUTE, BODY, never) == (Answer(201, {"id": "k1"}), True)
    with pytest.raises(Problem) as refused:
        await idempotency.run(call("k1"), ROUTE, BODY.replace(b"4", b"3"), never)
    assert refused.value.status == 422


async def test_a_key_stands_for_one_route(store: PostgresEventStore) -> None:
    idempotency = Idempotency(store, b"a" * 32)
    await kept(store, idempotency, "k1")
    for other in (ROUTE.replace("/1/", "/2/"), ROUTE.replace("POST", "PUT"), ""):
        with pytest.raises(Problem) as refused:
            await idempotency.run(call("k1"), other, BODY, never)
        assert (refused.value.status, refused.value.slug) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    "other",
    [
        call("k1", Role.SUPERVISOR),
        call("k1", Role.CLIENT, client="c-1"),
        call("k1", Role.REPRESENTATIVE, client="c-1"),
        call("k1", sub="t-okafor"),
        call("k1", sub="/t-rivera"),
    ],
    ids=lambda c: f"{c.principal.role}-{c.principal.sub}",
)
async def test_a_key_is_the_persons_in_a_role_for_a_client(store: PostgresEventStore, other: Call) -> None:
    """In another role the same person may not see what they did in this one."""
    idempotency = Idempotency(store, b"a" * 32)
    await kept(store, idempotency, "k1")
    done: list[Call] = []

    async def work(repeat: Repeat) -> Answer:
        done.append(repeat.call)
        answer = Answer(201, {"id": "another"})
        await store.append(TENANT, (), statements=repeat.statements(answer, None))
        return answer

    assert await idempotency.run(other, ROUTE, BODY, work) == (Answer(201, {"id": "another"}), False)
    assert await idempotency.run(other, ROUTE, BODY, never) == (Answer(201, {"id": "another"}), True)
    assert done == [other]


async def test_representatives_of_two_clients_do_not_meet(store: PostgresEventStore) -> None:
    """However a client is named, no two callers have the same name here."""
    idempotency = Idempotency(store, b"a" * 32)
    for number, (client, sub) in enumerate((("c", "x/y"), ("c/x", "y"), ("c%2Fx", "y"), ("", "c/x/y"))):

        async def work(repeat: Repeat, number: int = number) -> Answer:
            answer = Answer(201, {"id": str(number)})
            await store.append(TENANT, (), statements=repeat.statements(answer, None))
            return answer

        caller = call("k1", Role.REPRESENTATIVE, sub=sub, client=client)
        assert await idempotency.run(caller, ROUTE, BODY, work) == (Answer(201, {"id": str(number)}), False)


async def test_without_a_key_it_is_done_each_time(store: PostgresEventStore) -> None:
    idempotency, done = Idempotency(store, b"a" * 32), []

    async def work(repeat: Repeat) -> Answer:
        done.append(repeat.statements(Answer(201, {}), None))
        return Answer(201, {})

    nobody = replace(call("k1"), idempotency_key=None)
    for _ in range(2):
        assert await idempotency.run(nobody, ROUTE, BODY, work) == (Answer(201, {}), False)
    assert done == [(), ()]


async def test_the_same_key_at_the_same_time_is_worked_on_once(store: PostgresEventStore) -> None:
    """In one process the others wait; beside another process the one that came second takes the first one's answer."""
    done: list[int] = []

    def work(wait: asyncio.Event | None = None) -> Callable[[Repeat], Awaitable[Answer]]:
        async def worked(repeat: Repeat) -> Answer:
            done.append(1)
            if wait is not None:
                await wait.wait()
            answer = Answer(201, {"id": "one"})
            await store.append(TENANT, (), statements=repeat.statements(answer, None))
            return answer

        return worked

    one, other, go = Idempotency(store, b"a" * 32), Idempotency(store, b"a" * 32), asyncio.Event()
    several = [asyncio.create_task(one.run(call("k1"), ROUTE, BODY, work(go))) for _ in range(3)]
    await asyncio.sleep(0)
    second = await other.run(call("k1"), ROUTE, BODY, work())
    go.set()
    assert second == (Answer(201, {"id": "one"}), False)
    assert await asyncio.gather(*several) == [(Answer(201, {"id": "one"}), True)] * 3
    assert len(done) == 2, "one in each process"
    assert not one._turns._waiting


async def test_another_conflict_is_told_as_it_is(store: PostgresEventStore) -> None:
    async def work(_: Repeat) -> Answer:
        raise UniqueViolation("another_pkey")

    with pytest.raises(UniqueViolation):
        await Idempotency(store, b"a" * 32).run(call("k1"), ROUTE, BODY, work)


async def test_a_conflict_that_left_no_record_is_told_to_wait(store: PostgresEventStore) -> None:
    async def work(_: Repeat) -> Answer:
        raise UniqueViolation("idempotency_pkey")

    with pytest.raises(Problem) as refused:
        await Idempotency(store, b"a" * 32).run(call("k1"), ROUTE, BODY, work)
    assert refused.value.status == 409


async def test_an_answer_that_is_settled_later_is_what_repeats_get(store: PostgresEventStore) -> None:
    idempotency = Idempotency(store, b"a" * 32)
    await kept(store, idempotency, "k1")
    await kept(store, idempotency, "k2")
    await store.append(TENANT, (), statements=(settled(call("k1"), Answer(201, {"id": "later"})),))
    assert await idempotency.run(call("k1"), ROUTE, BODY, never) == (Answer(201, {"id": "later"}), True)
    assert await idempotency.run(call("k2"), ROUTE, BODY, never) == (Answer(201, {"id": "k2"}), True)

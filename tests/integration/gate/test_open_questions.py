"""How many questions are open by person: always what the questions and decisions themselves say, also with several at work."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import pytest

import services.audit_log.officers.api.snooping as snooping_module
from services.audit_log.migrations import SCHEMA
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.adapters.open_questions import counted
from services.audit_log.officers.application.cases import Decided
from services.audit_log.officers.domain.access import Access
from services.audit_log.officers.domain.explanations import Explanation, Ground, Judged, Mark
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import Statement
from shared.eventstore.postgres import PostgresEventStore
from shared.service.clock import now
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_review_sign_in import sign_in
from tests.support.http import serving
from tests.support.postgres import MakeDatabase

FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
SESSION = Explanation(Ground.SESSION, True, "They wrote a session.")


def use(index: int, agent: str, client: int, explained: Explanation | None = None, *marks: Mark) -> Judged:
    at = FIRST + timedelta(hours=index)
    access = Access(index, at, agent, "", "therapist", str(UUID(int=client)), "read", "TREAT", (), frozenset())
    return Judged(access, explained, marks or (Mark.NO_RELATIONSHIP,))


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    """With the ledger's tables, which are counted from."""
    return await make_database("audit_log")


@pytest.fixture
async def store(urls: DatabaseUrls) -> AsyncIterator[PostgresEventStore]:
    made = PostgresEventStore(urls, schema=SCHEMA, now=now)
    await made.open()
    yield made
    await made.close()


async def listed(store: PostgresEventStore) -> dict[str, tuple[int, int, datetime, datetime]]:
    return {p.agent: (p.times, p.clients, p.first, p.last) for p in await CaseTable(store).people("t", 100)}


async def test_the_list_is_what_questions_and_decisions_say(store: PostgresEventStore) -> None:
    """Batches, questions answered later and decisions, at random: the model beside it is three lines of Python."""
    rng = random.Random(5)  # noqa: S311
    rows, cases = Judgements(store), CaseTable(store)
    asked: dict[int, Judged] = {}
    decided: dict[str, int] = {}
    days: dict[Any, int] = {}
    following = 0
    for step in range(40):
        if step % 4 == 0 or not asked:
            batch = [
                use(n, f"t-{rng.randrange(4)}", rng.randrange(5), rng.choice((None, None, SESSION)))
                for n in range(following, following + 6)
            ]
            await rows.keep("t", following, following + 6, batch)
            following += 6
            asked |= {j.access.index: j for j in batch if j.explanation is None}
        elif step % 4 == 3:
            agent = f"t-{rng.randrange(4)}"
            mine = [n for n, j in asked.items() if j.access.agent == agent and n > decided.get(agent, -1)]
            if mine:
                decided[agent] = rng.choice(mine)
                made = Decided(agent, decided[agent], rng.choice(("appropriate", "inappropriate")), "co", now())
                await store.append("t", [], statements=cases.decided("t", made))
        else:
            some = rng.sample(sorted(asked), min(3, len(asked)))
            changed = [use(n, asked[n].access.agent, int(UUID(asked[n].access.client_id)), SESSION) for n in some[:2]]
            marked = [use(n, asked[n].access.agent, int(UUID(asked[n].access.client_id)), None, Mark.ENDED) for n in some[2:]]
            await rows.again("t", [*changed, *marked])
            for n in some[:2]:
                del asked[n]
        of_person: dict[str, list[Access]] = {}
        for n in sorted(asked):
            access = asked[n].access
            if n > decided.get(access.agent, -1):
                of_person.setdefault(access.agent, []).append(access)
        wanted = {a: (len(f), len({x.client_id for x in f}), f[0].at, f[-1].at) for a, f in of_person.items()}
        assert await listed(store) == wanted, step
        assert await cases.open("t") == len(wanted)
        days = {}
        for n in asked:
            days[asked[n].access.at.date()] = days.get(asked[n].access.at.date(), 0) + 1
        kept = await store.fetch("t", "SELECT day, times FROM review_ground WHERE ground = 'unexplained' AND times <> 0")
        assert {r["day"]: r["times"] for r in kept} == days, step
        assert (await cases.shares("t", FIRST))[1] == len(asked)
    assert decided and len(days) > 1


async def test_an_answer_told_by_two_is_taken_off_once(store: PostgresEventStore) -> None:
    rows = Judgements(store)
    await rows.keep("t", 0, 3, [use(n, "t-x", n) for n in range(3)])
    await asyncio.gather(*(rows.again("t", [use(1, "t-x", 1, SESSION)]) for _ in range(4)))
    grounds, unexplained = await CaseTable(store).shares("t", FIRST)
    assert (grounds, unexplained) == ([("session", 1)], 2)
    assert (await listed(store))["t-x"][:2] == (2, 2)


async def test_two_transactions_about_one_person_count_both(urls: DatabaseUrls, store: PostgresEventStore) -> None:
    """The second one has taken its question away before the first commits, and counts afterwards."""
    await Judgements(store).keep("t", 0, 3, [use(n, "t-x", n) for n in range(3)])
    one, other = [await asyncpg.connect(urls.app) for _ in range(2)]
    try:
        for connection, index in ((one, 0), (other, 1)):
            await connection.execute("BEGIN; SET LOCAL app.tenant_id = 't'")
            await connection.execute("DELETE FROM review_question WHERE tenant_id = 't' AND idx = $1", index)

        async def run(connection: Any, statements: list[Statement]) -> None:
            for statement in statements:
                await connection.execute(statement.sql, *statement.args)

        lock, *rest = counted("t", ["t-x"])
        await run(one, [lock])
        waiting = asyncio.create_task(run(other, [lock, *rest]))
        await asyncio.sleep(0.2)
        assert not waiting.done(), "it waits for the first"
        await run(one, rest)
        await one.execute("COMMIT")
        await waiting
        await other.execute("COMMIT")
        assert (await listed(store))["t-x"][:2] == (1, 1)
    finally:
        await one.close()
        await other.close()


async def test_the_list_of_people_goes_on_and_names_each_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven people on pages of three, ties among them; whoever was found out before comes first."""
    monkeypatch.setattr(snooping_module, "_PEOPLE", 3)
    store = world.service._store
    cases = CaseTable(store)
    batch = [use(n, f"t-{n % 7}", n) for n in range(10)]
    await Judgements(store).keep(world.tenant, 0, 10, batch)
    earlier = Decided("t-6", 6, "inappropriate", "co", now())
    await store.append(world.tenant, [], statements=cases.decided(world.tenant, earlier))
    await Judgements(store).keep(world.tenant, 10, 11, [use(10, "t-6", 1)])
    async with serving(world.service.app) as site, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as jar:
        await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
        path: str | None = "/review/snooping"
        pages: list[list[str]] = []
        while path:
            async with jar.get(site + path) as answer:
                text = await answer.text()
            assert "7 people to ask" in text
            pages.append(re.findall(r"person\?sub=(t-\d)", text))
            more = re.search(r'href="(/review/snooping\?cursor=[^"]+)" rel="next"', text)
            path = more[1] if more else None
        assert [len(p) for p in pages] == [3, 3, 1]
        assert [a for p in pages for a in p] == ["t-6", "t-2", "t-1", "t-0", "t-5", "t-4", "t-3"]
        async with jar.get(f"{site}/review/snooping?cursor=zz") as answer:
            assert answer.status == 422

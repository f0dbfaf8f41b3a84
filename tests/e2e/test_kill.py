"""Every service killed (-9) again and again under load: what was acknowledged is there, exactly once, with its receipt.

Seeded: `KILL_SEED=… pytest tests/e2e/test_kill.py` repeats the moments and the texts (not the machine's own timing).
"""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from random import Random
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.consent_policy import POLICY_CHANGED
from shared.contracts.records import ServiceName
from tests.e2e.processes import Fleet
from tests.e2e.rest import Rest
from tests.e2e.writers import Clinic
from tests.support.postgres import Postgres

CLIENTS = 3
ROUNDS = 3
"""how often each service is killed"""
IN_FLIGHT_SECONDS = 0.06
"""a write takes about that long: a kill falls before, between and after its entry, its commit, its messages and its answer"""
SETTLED_SECONDS = 60.0
"""a killed consumer's partitions are given to the next one when its session with Kafka times out"""
WRITERS = ("consent", "session_notes", "alliance_measurement")
pytestmark = [pytest.mark.kafka, pytest.mark.real_kafka]


class Databases:
    """The fleet's databases, read as a superuser: all rows of one tenant, past row-level security."""

    def __init__(self, tenant: str) -> None:
        self.tenant, self._open = tenant, dict[str, asyncpg.Connection]()

    async def open(self, postgres: Postgres, fleet: Fleet, stack: AsyncExitStack) -> None:
        for name in (*WRITERS, "audit_log"):
            database = urlsplit(json.loads((fleet.folder / f"{name}.json").read_text())["app"]).path[1:]
            self._open[name] = await asyncpg.connect(postgres.admin_dsn, database=database)
            stack.push_async_callback(self._open[name].close)

    async def rows(self, name: str, sql: str) -> list[Any]:
        """`$1` is the tenant."""
        return list(await self._open[name].fetch(sql, self.tenant))

    async def value(self, name: str, sql: str) -> Any:
        return await self._open[name].fetchval(sql, self.tenant)

    async def types(self, name: str) -> dict[str, int]:
        counted = await self.rows(name, "SELECT type, count(*) AS n FROM events WHERE tenant_id = $1 GROUP BY type")
        return {r["type"]: r["n"] for r in counted}


@pytest.fixture
async def databases(postgres: Postgres, fleet: Fleet) -> AsyncIterator[Databases]:
    async with AsyncExitStack() as stack:
        opened = Databases(f"kill-{uuid4().hex[:8]}")
        await opened.open(postgres, fleet, stack)
        yield opened


async def test_nothing_acknowledged_is_lost_or_doubled(
    fleet: Fleet, databases: Databases, session: aiohttp.ClientSession
) -> None:
    seed = int(os.environ.get("KILL_SEED") or Random().getrandbits(32))  # noqa: S311
    print(f"KILL_SEED={seed}")
    random = Random(seed)  # noqa: S311
    clinic = Clinic(Rest(session, fleet.origin, fleet.issuer.mint, databases.tenant), random)
    system_alarms = await alarms_of_the_system(clinic, session, fleet)
    await clinic.admit(CLIENTS)

    over, started = asyncio.Event(), perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(clinic.work(over))
        group.create_task(kill_each(fleet, clinic, random, over))
    done = {what: sum(len(getattr(c, what)) for c in clinic.clients) for what in ("sessions", "notes", "ratings", "consents")}
    kills, took = ROUNDS * len(ServiceName), perf_counter() - started
    print(f"{kills} kills in {took:.0f} s; acknowledged {done}; sent again {clinic.retries}")
    assert min(done.values()) >= 10, "too little was written for this to prove anything"
    assert clinic.retries["ServerDisconnectedError"] + clinic.retries["ClientOSError"], "no kill met a write under way"

    await settled(databases, done)
    await read_back(clinic)
    await exactly_once(databases, done)
    await every_event_has_its_receipt(databases)
    assert (await clinic.officer.get("/v1/audit/alarms")).json["items"] == []
    assert await alarms_of_the_system(clinic, session, fleet) == system_alarms
    await the_ledger_is_whole(databases, clinic)
    await the_gate_knows_the_newest_policy(databases)


async def kill_each(fleet: Fleet, clinic: Clinic, random: Random, over: asyncio.Event) -> None:
    for name in (n for _ in range(ROUNDS) for n in random.sample(list(ServiceName), len(ServiceName))):
        await asyncio.sleep(random.uniform(0.0, 0.3))
        await clinic.begins(name)
        await asyncio.sleep(random.uniform(0.0, IN_FLIGHT_SECONDS))
        fleet.kill(name)
        try:
            await asyncio.sleep(random.uniform(0.0, 0.4))
        finally:
            fleet.start(name)
        await fleet.ready(name)
    over.set()


async def alarms_of_the_system(clinic: Clinic, session: aiohttp.ClientSession, fleet: Fleet) -> int:
    """Forged or parked messages: they belong to no tenant."""
    officer = Rest(session, fleet.origin, fleet.issuer.mint, SYSTEM_TENANT).as_("operator", "compliance_officer")
    return len((await officer.get("/v1/audit/alarms?limit=200")).json["items"])


async def settled(databases: Databases, done: dict[str, int]) -> None:
    """Outboxes are empty, and what follows from what was written has followed."""

    async def outboxes() -> int:
        left = [await databases.value(n, "SELECT count(*) FROM outbox WHERE tenant_id = $1") for n in (*WRITERS, "audit_log")]
        return sum(left)

    async def receipts() -> int:
        have = int(await databases.value("audit_log", "SELECT count(*) FROM receipt WHERE tenant_id = $1"))
        return sum([len(await receipted(databases, n)) for n in WRITERS]) - have

    async def prompts() -> int:
        have = int(await databases.value("session_notes", "SELECT count(*) FROM prompt WHERE tenant_id = $1"))
        return done["ratings"] - have

    async def scheduled() -> int:
        have = int(await databases.value("alliance_measurement", "SELECT count(*) FROM scheduled WHERE tenant_id = $1"))
        return done["sessions"] - have

    started = perf_counter()
    for what, missing in {"outbox rows": outboxes, "receipts": receipts, "prompts": prompts, "measures": scheduled}.items():
        await until_none(f"{what} are outstanding", missing)
    print(f"settled {perf_counter() - started:.1f} s after the last write")


async def until_none(what: str, missing: Callable[[], Awaitable[int]]) -> None:
    end = perf_counter() + SETTLED_SECONDS
    while left := await missing():
        assert perf_counter() < end, f"after {SETTLED_SECONDS:.0f} s {left} {what}"
        await asyncio.sleep(0.2)


async def read_back(clinic: Clinic) -> None:
    """As the therapist sees it, one by one and in lists."""
    turns = asyncio.Semaphore(6)

    async def one(path: str) -> Any:
        async with turns:
            return (await clinic.therapist.get(path)).json

    for client in clinic.clients:
        sessions = await asyncio.gather(*(one(f"/v1/sessions/{i}") for i in client.sessions))
        assert [datetime.fromisoformat(s["started_at"]) for s in sessions] == [
            datetime.fromisoformat(t) for t in client.sessions.values()
        ]
        notes = await asyncio.gather(*(one(f"/v1/notes/{i}") for i in client.notes))
        assert [n["sections"]["subjective"] for n in notes] == list(client.notes.values())
        ratings = await asyncio.gather(*(one(f"/v1/administrations/{i}") for i in client.ratings))
        assert [(r["status"], r["scores"]["total"]) for r in ratings] == [("answered", t) for t in client.ratings.values()]
        consents = [(await clinic.intake.get(f"/v1/consents/{i}")).json["status"] for i in client.consents]
        assert set(consents) == {"active"}
        for what, known in (("sessions", client.sessions), ("notes", client.notes)):
            assert await listed(clinic, f"/v1/{what}?client_id={client.id}") == sorted(known)
        answered = await listed(clinic, f"/v1/administrations?client_id={client.id}", status="answered")
        assert answered == sorted(client.ratings)
        course = (await clinic.therapist.get(f"/v1/clients/{client.id}/alliance?instrument=wai-sr")).json
        assert len(course["series"]) == len(client.ratings)


async def listed(clinic: Clinic, path: str, **wanted: str) -> list[str]:
    found: list[Any] = []
    cursor = ""
    while True:
        page = (await clinic.therapist.get(f"{path}&limit=100{cursor}")).json
        found += page["items"]
        if not page["next"]:
            return sorted(i["id"] for i in found if wanted.items() <= i.items())
        cursor = f"&cursor={page['next']}"


async def exactly_once(databases: Databases, done: dict[str, int]) -> None:
    """Rows counted by type, and streams without a hole. A session held asks for one measure by itself."""
    active = done["consents"]
    assert await databases.types("session_notes") == {
        "session-notes.client-registered": CLIENTS,
        "session-notes.session-held": done["sessions"],
        "session-notes.progress-note-drafted": done["notes"],
    }
    assert await databases.types("alliance_measurement") == {
        "alliance.administration-requested": done["ratings"] + done["sessions"],
        "alliance.administration-answered": done["ratings"],
        "alliance.prompt-prepared": done["ratings"],
    }
    counted = await databases.types("consent")
    assert counted.pop(POLICY_CHANGED) == CLIENTS + active
    assert counted == {
        "consent.relationship-started": CLIENTS,
        "consent.consent-proposed": active,
        "consent.consent-signed": active,
        "consent.consent-activated": active,
    }
    for name in WRITERS:
        holes = await databases.rows(
            name,
            "SELECT stream FROM events WHERE tenant_id = $1 GROUP BY stream"
            " HAVING min(version) <> 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)",
        )
        assert not holes, (name, holes)
    for name in (*WRITERS, "audit_log"):
        assert await databases.value(name, "SELECT count(*) FROM parked WHERE tenant_id = $1") == 0, name


async def receipted(databases: Databases, name: str) -> dict[Any, str]:
    """Events that owe a receipt (all but policy changes, which the gate reads themselves): id → digest of what is stored."""
    stored = await databases.rows(name, "SELECT event_id, data FROM events WHERE tenant_id = $1 AND stream <> 'policy'")
    return {r["event_id"]: hashlib.sha256(r["data"]).hexdigest() for r in stored}


async def every_event_has_its_receipt(databases: Databases) -> None:
    for name in WRITERS:
        owed = await receipted(databases, name)
        shown = await databases.rows(
            "audit_log",
            f"SELECT event_id, digest, fault FROM receipt WHERE tenant_id = $1 AND service = '{name}'",  # noqa: S608
        )
        assert {r["event_id"]: r["digest"] for r in shown} == owed
        assert {r["fault"] for r in shown} == {None}


async def the_ledger_is_whole(databases: Databases, clinic: Clinic) -> None:
    verified = (await clinic.officer.get("/v1/audit/verification")).json
    assert verified["ok"] is True, verified
    dense(r["idx"] for r in await databases.rows("audit_log", "SELECT idx FROM ledger_entry WHERE tenant_id = $1 ORDER BY idx"))


async def the_gate_knows_the_newest_policy(databases: Databases) -> None:
    head = await databases.value("consent", "SELECT max(version) FROM events WHERE tenant_id = $1 AND stream = 'policy'")
    assert await databases.value("consent", "SELECT head FROM policy_heads WHERE tenant_id = $1") == head
    known = await databases.rows("audit_log", "SELECT sequence FROM policy_event WHERE tenant_id = $1 ORDER BY sequence")
    assert known[-1]["sequence"] == head
    dense((r["sequence"] for r in known), first=1)


def dense(numbers: Iterable[int], *, first: int = 0) -> None:
    found = list(numbers)
    assert found == list(range(first, first + len(found)))

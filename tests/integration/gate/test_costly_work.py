"""Reports and verifications burden nobody else: they run in a process of their own, in a bounded queue, on bounded disk."""

import asyncio
import resource
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.reports import Order
from services.audit_log.ledger.application.turns import Busy
from services.audit_log.officers.bootstrap import PAGES_AT_ONCE, PAGES_WAITING
from services.audit_log.reports.adapters.worker_job import Job
from services.audit_log.reports.adapters.worker_process import Disk, WorkerProcesses
from services.audit_log.reports.application.exporting import Exporter, TooLarge
from shared.service.leaving import Leaving
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_reviews import call
from tests.support.ledger import entry
from tests.support.waiting import until

ROUTES = ("/v1/audit/exports/activity", "/v1/audit/verification", "/review/reports/activity", "/review/search.csv")


def officer(world: World, sub: str = "co-1") -> str:
    return world.token(sub, "compliance_officer", name="Olga Weiss")


async def filled(world: World, rows: int) -> None:
    logged = [entry(n, at=world.clock.now(), client_id=world.client) for n in range(rows)]
    await world.service._ledger.append(world.tenant, logged)


def order(world: World, by: str = "co-1") -> Order:
    return Order(world.tenant, by, "activity", {}, Filters(), own=False, made_at=world.clock.now())


def workers(world: World, folder: Path, most_bytes: int) -> WorkerProcesses:
    ledger, reports = world.service._ledger, world.service.care.reports
    return WorkerProcesses(ledger._urls.app, reports._anchors, ledger.log_vkeys, Disk(folder, most_bytes))


def children() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


async def get(site: str, token: str, path: str) -> tuple[int, Any]:
    """By a token for `/v1`, by the cookie for pages."""
    headers = {"Authorization": f"Bearer {token}", "Cookie": f"page_session={token}"}
    async with aiohttp.ClientSession() as session, session.get(site + path, headers=headers) as answer:
        await answer.read()
        return answer.status, answer.headers


@pytest.mark.parametrize("path", ROUTES)
async def test_beyond_a_persons_places_each_route_says_when_to_come_back(world: World, site: str, path: str) -> None:
    reports = world.service.care.reports
    places = [reports.take(world.tenant, "co-1") for _ in range(2)]
    status, headers = await get(site, officer(world), path)
    assert status == 503 and int(headers["Retry-After"]) > 0
    assert (await get(site, officer(world, "co-2"), path))[0] == 200, "a colleague is served"
    for place in places:
        place.leave()
    assert (await get(site, officer(world), path))[0] == 200


async def test_beyond_a_tenants_places_another_tenant_is_served(world: World, site: str) -> None:
    reports = world.service.care.reports
    places = [reports.take(world.tenant, f"co-{n}") for n in range(8)]
    assert (await get(site, officer(world, "co-9"), ROUTES[0]))[0] == 503
    other = World(world.service, world.feed, world.clock, world.issuer, world.bus)
    assert (await get(site, officer(other, "co-9"), ROUTES[0]))[0] == 200
    for place in places:
        place.leave()


async def test_the_places_of_answers_that_were_sent_or_broken_off_are_free_again(world: World, site: str) -> None:
    await filled(world, 20)
    for _ in range(3):
        assert (await get(site, officer(world), ROUTES[0]))[0] == 200
    for _ in range(3):
        async with aiohttp.ClientSession() as session:
            answer = await session.get(site + ROUTES[0], headers={"Authorization": f"Bearer {officer(world)}"})
            assert answer.status == 200
            answer.close()
    reports = world.service.care.reports

    async def nobody_left() -> bool:
        return not reports._turns._tenants.total() and not reports._held

    await until(nobody_left)


async def test_the_work_is_done_by_another_process(world: World, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is laid out in the gate's own process; its child has spent the time of it."""
    await filled(world, 1_000)
    for name in ("bundle", "_write"):
        monkeypatch.delattr(Exporter, name, raising=False)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert (await get(site, officer(world), ROUTES[0]))[0] == 200
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before > 1


async def test_disk_is_bounded(world: World, tmp_path: Path) -> None:
    await filled(world, 1_000)
    small = workers(world, tmp_path, 1 << 20)
    with pytest.raises(TooLarge):
        await small.bundle(small.take(world.tenant, "co-1"), order(world))
    enough = workers(world, tmp_path, 3 << 20)
    bundle = await enough.bundle(enough.take(world.tenant, "co-1"), order(world))
    assert 3 << 19 > bundle.size > 1 << 18
    enough._held += 2 << 20  # as if another one waited to be fetched
    with pytest.raises(Busy, match="disk"):
        await enough.bundle(enough.take(world.tenant, "co-2"), order(world))
    enough._held -= 2 << 20
    bundle.close()
    bundle.close()
    assert enough._held == 0 and not list(tmp_path.iterdir()), "a bundle has no name on the disk"
    for _ in range(2):
        enough.take(world.tenant, "co-1")


async def test_a_job_that_is_given_up_is_killed(world: World, tmp_path: Path) -> None:
    await filled(world, 1_000)
    reports, before = workers(world, tmp_path, 1 << 24), set(children())
    waiting = [asyncio.create_task(reports.bundle(reports.take(world.tenant, "co-1"), order(world))) for _ in range(2)]

    async def begun() -> bool:
        return len(set(children()) - before) == 1

    await until(begun)
    for task in waiting:
        task.cancel()
    assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True))

    async def gone() -> bool:
        return not set(children()) - before

    await until(gone)
    reports.take(world.tenant, "co-1")
    reports.take(world.tenant, "co-1")


async def test_the_worker_is_told_no_key(world: World, tmp_path: Path) -> None:
    assert {f.name for f in fields(Job)} == {
        *("database", "anchors", "tenant", "vkeys", "folder", "file", "most_bytes", "font", "order"),
    }, "what else it is told must be no secret but the role's login"
    reports, seen = workers(world, tmp_path, 1 << 24), []

    async def look(job: Job, files: Sequence[int]) -> Any:
        seen.append(job)
        raise RuntimeError

    reports._run = look  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await reports.bundle(reports.take(world.tenant, "co-1"), order(world))
    (job,) = seen
    assert all(vkey.startswith("127.0.0.1") and "+" in vkey for vkey in job.vkeys), "public keys"


async def test_a_verification_by_the_worker_is_an_entry_as_before(world: World, site: str) -> None:
    await filled(world, 10)
    status, body = await call(site, officer(world), "GET", "/v1/audit/verification")
    assert status == 200 and body["ok"] and body["entries"] == 10 and body["recorded"]
    (stored,) = await world.service._ledger.search(world.tenant, Filters(actions=("verify-ledger",)))
    assert stored.entry.detail["rows"] == 10


async def test_pages_leave_the_gate_its_connections(world: World, site: str) -> None:
    """While as many pages as may are being answered, the next waits; sign-in and decisions do not; too many are sent away."""
    await world.usual()
    door = world.service.review.door
    async with AsyncExitStack() as held:
        for _ in range(PAGES_AT_ONCE):
            await held.enter_async_context(door.inside())
        waiting = asyncio.create_task(get(site, officer(world), "/review/"))
        assert (await get(site, officer(world), "/review/sign-in"))[0] == 200
        await world.note()
        assert not waiting.done()
        others = [asyncio.create_task(get(site, officer(world), "/review/search")) for _ in range(PAGES_WAITING + 5)]

        async def sent_away() -> bool:
            return sum(task.done() for task in others) >= 5

        await until(sent_away)
        told = [task.result() for task in others if task.done()]
        assert all(status == 503 and "Retry-After" in headers for status, headers in told)
    assert (await waiting)[0] == 200
    assert {(await task)[0] for task in others} == {200, 503}


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/review/sign-in?next=/review/" + "a" * 45 + "!", ""),
        ("/review/" + "a" * 45 + "!", ""),
        ("/review/" + "a." * 3_000, ""),
        ("/review/", 'page_session="' + "\\" * 7_000 + '"'),
        ("/review/", 'page_session="' + "\\" * 100_000 + '"'),
    ],
    ids=["next", "page", "long page", "cookie", "cookie beyond the bound"],
)
async def test_no_request_before_any_sign_in_holds_the_gate_up(site: str, path: str, cookie: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        address = URL(site + path, encoded=True)
        async with session.get(address, headers={"Cookie": cookie}, allow_redirects=False) as answer:
            assert answer.status in (200, 303, 404, 431), await answer.text()
        async with session.get(f"{site}/health/live") as answer:
            assert answer.status == 200


async def test_who_waits_is_told_as_soon_as_the_process_is_asked_to_end(
    world: World, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is being made, others wait for their turn: each is answered 503 at once, and nothing of them is left."""
    await filled(world, 1_000)
    reports, before = world.service.care.reports, set(children())
    monkeypatch.setattr(reports, "_process", Leaving())
    asked = [asyncio.create_task(get(site, officer(world, f"co-{n}"), ROUTES[n % 2])) for n in range(6)]

    async def at_work() -> bool:
        return reports._turns._tenants.total() == 6 and bool(set(children()) - before)

    await until(at_work)
    reports._process.ask()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*asked)
    assert [(status, int(headers["Retry-After"]) > 0) for status, headers in answers] == [(503, True)] * 6
    assert set(children()) <= before and not reports._turns._tenants.total() and not reports._held
    status, headers = await get(site, officer(world, "co-9"), ROUTES[0])
    assert (status, "Retry-After" in headers) == (503, True), "nor is anything begun"

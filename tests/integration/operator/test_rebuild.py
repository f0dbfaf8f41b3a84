"""Read models made anew from the events are what the live ones were, byte by byte, while the services go on."""

import asyncio
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import asyncpg
import pytest

from infra.operator import rebuild as rebuilding
from infra.operator.rebuild import MODELS, Trouble, rebuild
from infra.postgres.provision import OwnedDatabase, redirected
from infra.progress import Progress
from tests.integration.alliance_measurement.clinic import Clinic, World, running_world, today
from tests.support.postgres import Postgres

SERVICES = sorted(MODELS)


@pytest.fixture(scope="module")
async def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(postgres, tmp_path_factory.mktemp("rebuild")) as running:
        yield running


def urls_of(world: World, service: str) -> OwnedDatabase:
    database = world.prefix + service

    def dsn(purpose: str) -> str:
        role = f"{database}_{purpose}"
        return redirected(world.admin_dsn, user=role, password=world.running._secrets.password(role), database=database)

    return OwnedDatabase(owner=dsn("owner"), app=dsn("app"), relay=dsn("relay"))


async def contents(world: World, service: str) -> dict[str, list[str]]:
    """Every row of every table of the read model, of all tenants, as text."""
    dsn = world.admin_dsn.replace("/postgres?", f"/{world.prefix}{service}?")
    admin = await asyncpg.connect(dsn)
    try:
        return {
            table: [row[0] for row in await admin.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608
            for table in MODELS[service][0].tables
        }
    finally:
        await admin.close()


async def lived_in(world: World) -> Clinic:
    """A clinic with a client, sessions, both kinds of notes, ratings, outcomes, a choice made twice, a consent withdrawn."""
    clinic = await world.clinic().opened("measurement", "treatment")
    session = {
        "client_id": clinic.client_id,
        "started_at": f"{today()}T00:00:00Z",
        "ended_at": f"{today()}T00:50:00Z",
        "therapist_id": f"therapist.{clinic.tenant}",
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
    }
    held = await clinic.done("POST", "/v1/sessions", "therapist", session)
    for kind in ("progress", "psychotherapy"):
        await clinic.done("POST", f"/v1/sessions/{held['id']}/{kind}-notes", "therapist", BODIES[kind])
    await clinic.done("POST", f"/v1/sessions/{held['id']}/moments", "therapist", {"kind": "repair", "class": "open"})
    plan = await clinic.done("POST", f"/v1/clients/{clinic.client_id}/plans", "therapist", {"problems": ["Sleep."]})
    await clinic.done("POST", f"/v1/plans/{plan['id']}/goals", "therapist", {"description": "To sleep through."})
    await clinic.rate([44, 45])
    asked = await clinic.ask("phq-9")
    answers = {str(n): 1 for n in range(1, 10)}
    await clinic.done("POST", f"/v1/administrations/{asked['id']}/responses", "client", {"answers": answers})
    for audience in ("immediate", "delayed"):
        await clinic.release(therapist=audience)
    await clinic.done("POST", f"/v1/clients/{clinic.client_id}/outcomes", "therapist", {"measure": "who-5", "score": 12})
    return clinic


BODIES = {
    "progress": {
        "format": "SOAP",
        "sections": {"subjective": "Slept.", "objective": "Calm.", "assessment": "Well.", "plan": "On."},
    },
    "psychotherapy": {"sections": {"body": "A thought."}},
}


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_rebuilt_is_what_was_live(world: World, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "PAGE", 3)
    clinics = [await lived_in(world) for _ in range(2)]
    before = await contents(world, service)
    assert all(before.values()), "every table has rows"
    assert await rebuild(service, urls_of(world, service), progress=False) > 0
    assert await contents(world, service) == before
    # the service goes on with the new tables, and they are as closed as the old ones were
    await lived_in(world)
    after = await contents(world, service)
    assert all(len(after[t]) > len(rows) and set(rows) <= set(after[t]) for t, rows in before.items())
    assert (await clinics[0].alliance("therapist")).status == 200
    app = await asyncpg.connect(urls_of(world, service).app)
    for table in before:
        assert await app.fetch(f"TABLE {table}") == [], "row-level security holds for the new table"
    await app.close()


async def test_a_damaged_read_model_is_mended(world: World) -> None:
    await lived_in(world)
    before = await contents(world, "session_notes")
    admin = await asyncpg.connect(world.admin_dsn.replace("/postgres?", f"/{world.prefix}session_notes?"))
    await admin.execute("DELETE FROM note; UPDATE session SET held = NOT held")
    assert await contents(world, "session_notes") != before
    await rebuild("session_notes", urls_of(world, "session_notes"), progress=False)
    assert await contents(world, "session_notes") == before
    assert await admin.fetchval("SELECT to_regnamespace('rebuilt')") is None, "nothing is left beside"
    await admin.close()


async def test_writers_go_on_while_it_is_rebuilt_and_nothing_is_lost(world: World) -> None:
    clinic = await world.clinic().opened()
    asked: list[str] = []
    writing = True

    async def write() -> None:
        while writing:
            asked.append((await clinic.ask(session_id=await clinic.session_bound()))["id"])

    writers = [asyncio.create_task(write()) for _ in range(3)]
    for _ in range(4):
        await rebuild("alliance_measurement", urls_of(world, "alliance_measurement"), progress=False)
    writing = False
    await asyncio.gather(*writers)
    rows = await contents(world, "alliance_measurement")
    assert len(asked) > 3
    assert [i for i in asked if not any(i in row for row in rows["administration"])] == []
    await rebuild("alliance_measurement", urls_of(world, "alliance_measurement"), progress=False)
    assert await contents(world, "alliance_measurement") == rows


async def test_it_shows_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "PAGE", 2)
    shown = StringIO()
    monkeypatch.setattr(rebuilding, "Progress", lambda total, label: Progress(total, label, out=shown))
    await lived_in(world)
    read = await rebuild("session_notes", urls_of(world, "session_notes"))
    lines = shown.getvalue().splitlines()
    assert len(lines) > 3 and all(line.startswith("session_notes ") for line in lines)
    assert "100%" in lines[-1] and f"{read}/{read}" in lines[-1]


async def test_two_at_once_are_one_too_many(world: World) -> None:
    urls = urls_of(world, "consent")
    other = await asyncpg.connect(urls.owner)
    await other.execute("SELECT pg_advisory_lock(4011, 4)")
    with pytest.raises(Trouble, match="another rebuild"):
        await rebuild("consent", urls, progress=False)
    await other.close()


def test_the_command_says_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_FILE", raising=False)
    assert rebuilding.main(["consent"]) == 2
    assert "DATABASE_FILE" in capsys.readouterr().err
    assert rebuilding.main(["consent", "--database", str(tmp_path / "none.json")]) == 1

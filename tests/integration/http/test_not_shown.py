"""One record that this release cannot show: each list names it and shows the others. Over the whole record in one process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.e2e.exports import export, opened
from tests.e2e.rest import Rest, until
from tests.e2e.surface import SOAP, Clinic
from tests.integration.alliance_measurement.clinic import World, running_world
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
async def world(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(postgres, tmp_path_factory.mktemp("not-shown")) as running:
        yield running


@pytest.fixture
async def clinic(world: World, request: pytest.FixtureRequest) -> Clinic:
    def mint(**claims: Any) -> str:
        return world.running.issuer.token({k: v for k, v in claims.items() if v is not None})

    return await Clinic(Rest(world.http, world.url, mint, f"t{abs(hash(request.node.name)):x}")).open()


async def written_otherwise(world: World, database: str, stream: str) -> None:
    """As another release would have written the stream: in a version that this one does not read."""
    connection = await asyncpg.connect(world.admin_dsn, database=world.prefix + database)
    try:
        await connection.execute("SET session_replication_role = replica")  # events are not changed otherwise
        done = await connection.execute("UPDATE events SET schema_version = 99 WHERE stream = $1", stream)
    finally:
        await connection.close()
    assert done != "UPDATE 0", stream


async def two(clinic: Clinic, kind: str) -> list[str]:
    """Two records of a kind, the first one to become unreadable."""
    client = clinic.client_id
    match kind:
        case "consent":
            return [await clinic.agreed("telehealth"), await clinic.agreed("recording")]
        case "relationship":
            return [(await clinic.relate(clinic.newcomer())).id for _ in range(2)]
        case "restriction":
            body = {"client_id": client, "payer": "plan-1", "payer_name": "Lakeshore", "paid_in_full": False}
            body["period"] = {"start": "2026-01-01"}
            return [(await clinic.client.post("/v1/restrictions", body)).id for _ in range(2)]
        case "session":
            return [await clinic.held() for _ in range(2)]
        case "progress-note":
            notes = [await clinic.progress() for _ in range(2)]
            for note in notes:
                await clinic.marsh.post(f"/v1/notes/{note}/signatures")

            async def both_are_open_to_the_client() -> bool:
                return {(await clinic.client.call("GET", f"/v1/notes/{note}")).status for note in notes} == {200}

            await until("signed notes are open to their client", both_are_open_to_the_client)
            return notes
        case "outcome":
            path = f"/v1/clients/{client}/outcomes"
            return [(await clinic.marsh.post(path, {"measure": "phq-9", "score": n})).id for n in (7, 8)]
        case _:
            made = [await clinic.asked() for _ in range(2)]
            for one in made:
                answers = {str(i): 4 for i in range(1, 13)}
                await clinic.client.post(f"/v1/administrations/{one.id}/responses", {"answers": answers})
            return [one.id for one in made]


LISTS = {
    "consent": ("consent", "/v1/consents?client_id={}"),
    "relationship": ("consent", "/v1/relationships?client_id={}"),
    "restriction": ("consent", "/v1/restrictions?client_id={}"),
    "session": ("session_notes", "/v1/sessions?client_id={}"),
    "progress-note": ("session_notes", "/v1/notes?client_id={}"),
    "outcome": ("alliance_measurement", "/v1/clients/{}/outcomes"),
    "administration": ("alliance_measurement", "/v1/administrations?client_id={}"),
}
"""name of the stream → database, list"""


@pytest.mark.parametrize("kind", LISTS)
async def test_a_list_names_what_it_cannot_show_and_shows_the_rest(world: World, clinic: Clinic, kind: str) -> None:
    database, path = LISTS[kind]
    broken, good = await two(clinic, kind)
    reader = clinic.client if kind in ("consent", "relationship", "restriction") else clinic.marsh
    before = {i["id"]: i for i in (await reader.get(path.format(clinic.client_id))).json["items"]}
    await written_otherwise(world, database, f"{kind}/{broken}")
    after = {i["id"]: i for i in (await reader.get(path.format(clinic.client_id))).json["items"]}
    assert set(after) == set(before)
    assert set(after[broken]) == {"id", "not_shown"}
    assert after[good] == before[good]
    assert [i for i, item in after.items() if "not_shown" in item] == [broken]


async def test_an_export_names_what_it_cannot_hold_and_holds_the_rest(world: World, clinic: Clinic, tmp_path: Path) -> None:
    made = {kind: await two(clinic, kind) for kind in ("session", "progress-note", "consent", "outcome", "administration")}
    for kind, (broken, _) in made.items():
        await written_otherwise(world, LISTS[kind][0], f"{kind}/{broken}")
    archive = await asyncio.to_thread(opened, await export(clinic.client, clinic.client_id), tmp_path)
    held = [item for file in archive.folder.rglob("*.json") for item in _items(orjson.loads(file.read_bytes()))]
    for kind, (broken, good) in made.items():
        (missing,) = [i for i in held if i.get("id") == broken]
        assert set(missing) <= {"id", "not_shown", "type", "instrument_name"}, (kind, sorted(missing))
        assert missing["not_shown"]
        assert any(i.get("id") == good and "not_shown" not in i for i in held), kind


def _items(document: Any) -> Iterator[dict[str, Any]]:
    """Every object at any depth."""
    if isinstance(document, dict):
        yield document
    for below in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _items(below)


async def test_a_search_goes_on_without_what_it_cannot_open(world: World, clinic: Clinic) -> None:
    sections = {**SOAP, "plan": "A walk along the weir."}
    broken, good = [await clinic.progress(sections=sections) for _ in range(2)]
    await written_otherwise(world, "session_notes", f"progress-note/{broken}")
    found = (await clinic.marsh.post("/v1/notes/search", {"words": "weir"}, want=200)).json
    assert [i["id"] for i in found["items"]] == [good]
    other = await clinic.intake.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "1991-04-03"})
    await written_otherwise(world, "session_notes", f"client/{other.id}")
    looked = (await clinic.intake.post("/v1/clients/search", {"name": "Noor Haddad"}, want=200)).json
    assert [i["id"] for i in looked["items"]] == [clinic.client_id]

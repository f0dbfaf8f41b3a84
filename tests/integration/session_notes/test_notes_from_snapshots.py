"""A draft that is saved as it is typed: read, listed, searched, signed and erased as ever, from a snapshot (ADR 0076)."""

from typing import Any

import asyncpg

from shared.contracts.records import KeyClass
from shared.eventstore.snapshots import EVERY
from tests.integration.session_notes.world import SOAP, Clinic

SAVES = 2 * EVERY + 3
"""the draft is the first event; snapshots stand at EVERY and twice that"""


async def rows(clinic: Clinic, sql: str) -> list[Any]:
    app = await asyncpg.connect(clinic.world.database.app)
    try:
        async with app.transaction():
            await app.execute("SELECT set_config('app.tenant_id', $1, true)", clinic.tenant)
            return [tuple(row) for row in await app.fetch(sql)]
    finally:
        await app.close()


async def snapshots(clinic: Clinic) -> list[Any]:
    return await rows(clinic, "SELECT stream, version FROM snapshot ORDER BY stream")


async def typed(clinic: Clinic, note: str, saves: int = SAVES) -> None:
    """As an editor saves it, each time a little more."""
    for version in range(1, saves):
        sections = {**SOAP, "plan": f"Kingfisher, saved {version + 1} times."}
        await clinic.put(clinic.marsh, note, {"sections": sections}, version)


async def test_a_note_saved_often_is_what_it_was_without_snapshots(clinic: Clinic) -> None:
    session = await clinic.session()
    note, short = await clinic.progress(session), await clinic.progress(session)
    await typed(clinic, note)
    stream = f"progress-note/{note}"
    assert await snapshots(clinic) == [(stream, 2 * EVERY)], "of the long stream alone, the newest alone"
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (read["version"], read["sections"]["plan"]) == (SAVES, f"Kingfisher, saved {SAVES} times.")
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]
    assert {n["id"]: n["version"] for n in listed} == {note: SAVES, short: 1}
    found = (await clinic.marsh.post("/v1/notes/search", {"words": "kingfisher"}, want=200)).json["items"]
    assert [n["id"] for n in found] == [note]

    await clinic.put(clinic.marsh, note, {"sections": SOAP}, SAVES - 1, want=412)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "A word more."})
    from_snapshot = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    await rows(clinic, "DELETE FROM snapshot")
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json == from_snapshot
    assert from_snapshot["addenda"][0]["text"] == "A word more."


async def test_a_release_that_folds_otherwise_begins_anew(clinic: Clinic) -> None:
    session = await clinic.session()
    note = await clinic.progress(session)
    await typed(clinic, note, EVERY)
    assert await snapshots(clinic) == [(f"progress-note/{note}", EVERY)]
    await rows(clinic, "UPDATE snapshot SET fold = 0, data = convert_to('{}', 'UTF8')")
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["version"] == EVERY
    assert await snapshots(clinic) == []
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, EVERY)
    assert await snapshots(clinic) == [(f"progress-note/{note}", EVERY + 1)]


async def test_an_erasure_takes_the_clients_snapshots(clinic: Clinic) -> None:
    session = await clinic.session()
    note = await clinic.progress(session)
    await typed(clinic, note, EVERY)
    first = clinic.client_id
    await clinic.opened()
    other = await clinic.progress(await clinic.session())
    await typed(clinic, other, EVERY)
    clinic.client_id = first
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    assert await snapshots(clinic) == [(f"progress-note/{other}", EVERY)], "theirs alone"
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["status"] == "erased"
    await clinic.put(clinic.marsh, note, {"sections": SOAP}, EVERY, want=409)
    assert await snapshots(clinic) == [(f"progress-note/{other}", EVERY)], "and none is taken again"

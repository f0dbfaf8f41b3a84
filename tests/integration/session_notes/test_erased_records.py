"""After an erasure: the same shapes, emptied; one class at a time; nothing can be added; what was derived is gone."""

from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.contracts.receipts import ERASURE_ACKNOWLEDGED
from shared.contracts.records import KeyClass
from shared.contracts.topics import ALLIANCE, CONSENT, RECEIPTS
from shared.eventstore.model import Publication
from tests.e2e.rest import choose_law
from tests.integration.session_notes.test_at_rest import as_administrator
from tests.integration.session_notes.world import SOAP, Clinic
from tests.support.waiting import until


async def rows_of(clinic: Clinic, table: str) -> int:
    app = await asyncpg.connect(clinic.world.database.app)
    try:
        async with app.transaction():
            await app.execute("SELECT set_config('app.tenant_id', $1, true)", clinic.tenant)
            return int(await app.fetchval(f"SELECT count(*) FROM {table} WHERE client_id = $1", clinic.client_id))  # noqa: S608
    finally:
        await app.close()


async def handled(clinic: Clinic, topic: str) -> None:
    """Waits until the newest message of the tenant on that topic was taken."""
    message_id = UUID(clinic.sent(topic)[-1].headers["ce_id"])
    connection = await as_administrator(clinic)

    async def there() -> bool:
        return bool(await connection.fetchval("SELECT count(*) FROM inbox WHERE message_id = $1", message_id))

    try:
        await until(there)
    finally:
        await connection.close()


def shape(value: dict[str, Any]) -> set[str]:
    return set(value)


async def test_each_class_is_erased_alone_and_leaves_its_shape(clinic: Clinic) -> None:
    session = await clinic.session()
    note = await clinic.progress(session)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures", Idempotency_Key="k")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "More."})
    draft = await clinic.progress(session)
    private = await clinic.private(session)
    before = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    session_before = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    assert await rows_of(clinic, "idempotency") == 1
    await clinic.erase(KeyClass.PROGRESS_NOTE)

    read = await clinic.marsh.get(f"/v1/notes/{note}")
    erased = read.json
    assert read.entries
    assert shape(erased) == shape(before)
    assert (erased["status"], erased["erased"], erased["sections"], erased["addenda"]) == ("erased", True, {}, [])
    assert (erased["format"], erased["labels"]) == (None, [])
    assert (erased["signatures"], erased["author"]) == (before["signatures"], "lena.marsh")
    session_after = (await clinic.marsh.get(f"/v1/sessions/{session}")).json
    assert shape(session_after) == shape(session_before)
    assert (session_after["status"], session_after["started_at"], session_after["participants"]) == ("erased", None, [])
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]
    assert {n["id"]: n["status"] for n in listed} == {note: "erased", draft: "erased", private: "draft"}
    sessions = (await clinic.marsh.get(f"/v1/sessions?client_id={clinic.client_id}")).json["items"]
    assert [s["status"] for s in sessions] == ["erased"]
    assert await rows_of(clinic, "idempotency") == 0

    assert (await clinic.marsh.get(f"/v1/notes/{private}")).json["sections"]
    assert (await clinic.marsh.get(f"/v1/clients/{clinic.client_id}")).json["name"] == "Noor Haddad"
    await clinic.put(clinic.marsh, draft, {"sections": SOAP}, 1, want=409)
    await clinic.marsh.post(f"/v1/notes/{draft}/signatures", want=409)
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "More."}, want=409)


async def test_an_erased_identity_keeps_nothing_of_the_person(clinic: Clinic) -> None:
    before = (await clinic.marsh.get(f"/v1/clients/{clinic.client_id}")).json
    await clinic.erase(KeyClass.IDENTITY)
    read = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}")
    assert shape(read.json) == shape(before)
    assert (read.json["status"], read.json["erased"], read.json["name"], read.json["birth_date"]) == ("erased", True, "", None)
    assert "Noor" not in read.text


async def test_erased_measures_take_the_prompts_with_them(clinic: Clinic) -> None:
    await clinic.prompt({"kind": "strain", "text": "Score drop.", "instrument": "wai-sr", "onset": 1, "repaired_at": None})
    session = await clinic.session()
    assert await rows_of(clinic, "prompt") == 1
    await clinic.erase(KeyClass.MEASURES)
    assert await rows_of(clinic, "prompt") == 0
    assert (await clinic.marsh.get(f"/v1/sessions/{session}")).json["prompts"] == []
    assert (await clinic.marsh.get(f"/v1/sessions/{session}")).json["status"] == "recorded"


async def test_a_prompt_that_comes_after_the_erasure_is_not_kept(clinic: Clinic) -> None:
    """It was on its way meanwhile, on a topic that is not ordered with that of erasures."""
    _, late = await clinic.prepared({"kind": "none", "text": "", "instrument": "wai-sr", "onset": None, "repaired_at": None})
    await clinic.erase(KeyClass.MEASURES)
    await clinic.publish(clinic.world.alliance, ALLIANCE, late, Publication(ALLIANCE, ""))
    await handled(clinic, ALLIANCE)
    assert await rows_of(clinic, "prompt") == 0


async def test_an_amendment_that_comes_after_the_erasure_is_not_kept(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await choose_law("eu", *(clinic.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2)))
    await clinic.erase(KeyClass.CONSENT_EVIDENCE)
    await clinic.amended(note)
    await handled(clinic, CONSENT)
    assert await rows_of(clinic, "amendment") == 0
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["amendments"] == []


async def test_the_gate_is_told_once(clinic: Clinic) -> None:
    erasure = await clinic.erase(KeyClass.PSYCHOTHERAPY_NOTE)
    told = [m for m in clinic.sent(RECEIPTS) if m.headers["ce_type"] == ERASURE_ACKNOWLEDGED]
    assert [orjson.loads(m.payload) for m in told] == [
        {
            "service": "session_notes",
            "erasure_id": erasure,
            "client_id": clinic.client_id,
            "key_classes": ["psychotherapy_note"],
        }
    ]

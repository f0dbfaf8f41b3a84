"""What consent decided about a record goes along with the note that it is about, and with no other (45 CFR 164.526)."""

from typing import Any
from uuid import uuid4

from shared.contracts.records import KeyClass
from shared.contracts.topics import CONSENT
from tests.e2e.rest import choose_law, until
from tests.integration.session_notes.test_erased_records import rows_of
from tests.integration.session_notes.world import Clinic


async def along(clinic: Clinic, note: str) -> list[Any]:
    """As the note itself shows it, and the list of notes."""
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json["amendments"]
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}&limit=200")).json["items"]
    assert next(n["amendments"] for n in listed if n["id"] == note) == read
    return [(a["id"], a["kind"]) for a in read]


async def kept(clinic: Clinic, count: int) -> None:
    async def there() -> bool:
        return await rows_of(clinic, "amendment") == count

    await until(f"{count} amendments are kept", there)


async def test_it_goes_along_with_its_note_and_with_no_other(clinic: Clinic) -> None:
    session = await clinic.session()
    note, other = await clinic.progress(session), await clinic.progress(session)
    assert await along(clinic, note) == []
    accepted = await clinic.amended(note)
    disagreed = await clinic.amended(note, "disagreement")
    await kept(clinic, 2)
    assert await along(clinic, note) == [(accepted, "accepted"), (disagreed, "disagreement")]
    assert await along(clinic, other) == []


async def test_it_may_come_twice(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    accepted = await clinic.amended(note)
    await kept(clinic, 1)
    again = [m for m in clinic.sent(CONSENT) if accepted.encode() in m.payload]
    await clinic.world.bus.publish(again)
    later = await clinic.amended(note)
    await kept(clinic, 2)
    assert await along(clinic, note) == [(accepted, "accepted"), (later, "accepted")]


async def test_a_request_that_named_another_clients_record_goes_along_with_nothing(clinic: Clinic) -> None:
    """consent cannot look whether a record is that client's: whoever asks may name any."""
    note = await clinic.progress(await clinic.session())
    other = (await clinic.intake.post("/v1/clients", {"name": "Ada Lind", "birth_date": "1980-01-02"})).id
    await clinic.amended(note, of=other)
    mine = await clinic.amended(note)
    await kept(clinic, 1)
    assert await along(clinic, note) == [(mine, "accepted")]


async def test_it_goes_with_the_evidence_of_consent(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.amended(note)
    await kept(clinic, 1)
    await choose_law("eu", *(clinic.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2)))
    await clinic.erase(KeyClass.CONSENT_EVIDENCE)
    await kept(clinic, 0)
    assert await along(clinic, note) == []


async def test_one_that_another_service_signed_or_under_another_clients_key_is_not_taken(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.amended(note, by=clinic.world.alliance)
    await clinic.amended(note, under=str(uuid4()))
    mine = await clinic.amended(note)
    await kept(clinic, 1)
    assert await along(clinic, note) == [(mine, "accepted")]

"""Notes written while the gate cannot be reached: read by nobody, reconciled afterwards, each with its late entry (ADR 0015)."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from services.session_notes.desk.application.downtime import Bounds, Downtime
from services.session_notes.downtime.application import reconciling
from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.downtime import NOTE_WAITS
from shared.contracts.receipts import RECEIPT
from shared.contracts.records import KeyClass
from shared.contracts.topics import RECEIPTS
from shared.gate.port import Away
from tests.e2e.rest import Answer, Person
from tests.integration.session_notes.test_at_rest import as_administrator, whole_database
from tests.integration.session_notes.world import SOAP, Clinic
from tests.support.hunting import spellings
from tests.support.waiting import until

SAID = "the ferry left without him"


@contextmanager
def away(clinic: Clinic, why: Away = Away.GATE) -> Iterator[None]:
    clinic.world.line.cut = why
    try:
        yield
    finally:
        clinic.world.line.cut = None


@pytest.fixture
async def kept(clinic: Clinic) -> None:
    """The gate's key has been fetched while it answered."""
    downtime = downtime_of(clinic)

    async def there() -> bool:
        return await downtime.key() is not None

    await until(there, 15)


pytestmark = pytest.mark.usefixtures("kept")


def downtime_of(clinic: Clinic) -> Downtime:
    waiting = clinic.world.notes._waiting
    assert waiting is not None
    return waiting.downtime


@pytest.fixture
def bounds(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda **changes: monkeypatch.setattr(downtime_of(clinic), "_bounds", Bounds(**{"after_seconds": 0} | changes))


async def write(clinic: Clinic, session: str, who: Person | None = None, *, private: bool = False, **kw: Any) -> Answer:
    kind, body = "psychotherapy", dict[str, Any](sections={"hypotheses": SAID})
    if not private:
        kind, body = "progress", {"format": "SOAP", "sections": {**SOAP, "plan": SAID}, "labels": kw.pop("labels", [])}
    return await (who or clinic.marsh).post(f"/v1/sessions/{session}/{kind}-notes", body, **{"want": 202, **kw})


async def reconciled(clinic: Clinic, note: str, who: Person | None = None) -> Answer:
    """The note, as soon as it can be read."""
    found: list[Answer] = []

    async def readable() -> bool:
        answer = await (who or clinic.marsh).get(f"/v1/notes/{note}", want=(200, 503))
        found.append(answer)
        return answer.status == 200

    await until(readable, 15)
    return found[-1]


async def entries(clinic: Clinic, query: str = "") -> list[dict[str, Any]]:
    officer = clinic.rest.as_("officer-1", "compliance_officer")
    items = (await officer.get(f"/v1/audit/entries?client_id={clinic.client_id}&limit=200{query}")).json["items"]
    return [i for i in items if i["detail"].get("late")]


async def rows(clinic: Clinic) -> list[asyncpg.Record]:
    connection = await as_administrator(clinic)
    try:
        return await connection.fetch("SELECT * FROM waiting_note WHERE tenant_id = $1 ORDER BY written_at", clinic.tenant)
    finally:
        await connection.close()


async def change(clinic: Clinic, sql: str, *args: Any) -> None:
    connection = await as_administrator(clinic)
    try:
        await connection.execute(sql, *args)
    finally:
        await connection.close()


async def gone(clinic: Clinic) -> bool:
    return not await rows(clinic)


async def test_written_read_by_nobody_reconciled(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        answer = await write(clinic, session, labels=["ETH"], Idempotency_Key="away")
        assert answer.json == {"id": answer.id, "status": "waiting"} and "Audit-Entry" not in answer.headers
        assert (await write(clinic, session, labels=["ETH"], Idempotency_Key="away")).id == answer.id, "a repeat"
        waits = await clinic.marsh.get(f"/v1/notes/{answer.id}", want=503)
        assert (waits.json["reason"], "waits for it" in waits.json["detail"]) == ("note-waits", True)
        await clinic.put(clinic.marsh, answer.id, {"sections": SOAP}, 1, want=503)
        await clinic.marsh.post(f"/v1/notes/{answer.id}/signatures", {}, want=503)
        await clinic.okoye.get(f"/v1/notes/{answer.id}", want=503)
        await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}", want=503)
        await clinic.relayed(RECEIPTS, 1)
        assert [m.headers["ce_type"] for m in clinic.sent(RECEIPTS)][-1] == NOTE_WAITS
        await told(clinic, "on", 1.0)
    read = await reconciled(clinic, answer.id)
    assert (read.json["sections"]["plan"], read.json["status"], read.json["author"]) == (SAID, "draft", "lena.marsh")
    (late,) = await entries(clinic)
    assert (late["action"], late["outcome"], late["agent"]["sub"]) == ("create", "permit", "lena.marsh")
    assert late["at"] > late["detail"]["late"]["written_at"]
    assert await gone(clinic)
    assert (await write(clinic, session, labels=["ETH"], Idempotency_Key="away")).id == answer.id, "a repeat afterwards"
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]
    assert [n["id"] for n in listed] == [answer.id]
    await clinic.put(clinic.marsh, answer.id, {"sections": SOAP}, 1)
    await told(clinic, "off", 0.0)


async def told(clinic: Clinic, state: str, metric: float) -> None:
    async def there() -> bool:
        ready = await clinic.intake.get("/health/ready")
        page = (await clinic.intake.get("/metrics")).text
        return ready.json["told"] == {"downtime_writing": state} and f"\ndowntime_writing {metric}\n" in page

    await until(there, 15)


async def test_what_is_stored_is_sealed_as_every_note(clinic: Clinic) -> None:
    """And its receipt names the late entry."""
    session = await clinic.session()
    with away(clinic):
        note = (await write(clinic, session)).id
        kid = (await rows(clinic))[0]["kid"]
    await reconciled(clinic, note)
    connection = await as_administrator(clinic)
    (event,) = await connection.fetch("SELECT * FROM events WHERE stream = $1", f"progress-note/{note}")
    waited = await connection.fetch("SELECT type FROM events WHERE stream = $1 ORDER BY version", f"waiting/{note}")
    await connection.close()
    assert orjson.loads(event["data"])["content"]["kid"].startswith("k_") and kid.startswith("g_")
    assert [r["type"] for r in waited] == ["session-notes.note-began-to-wait", "session-notes.note-stopped-waiting"]
    (late,) = await entries(clinic)
    await clinic.relayed(RECEIPTS, 3)
    receipts = [orjson.loads(m.payload) for m in clinic.sent(RECEIPTS) if m.headers["ce_type"] == RECEIPT]
    assert [r["entry"] for r in receipts if r["record_id"] == note] == [late["index"]]


async def test_nothing_of_it_rests_in_the_clear(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        await write(clinic, session, labels=["OPIOIDUD"])
        await write(clinic, session, private=True)
        dump = await whole_database(clinic)
        payload = clinic.marsh.token.split(".")[1]
        for secret in (SAID, "OPIOIDUD", "hypotheses", payload[:60]):
            assert not any(s in dump for s in spellings(secret)), secret[:12]
        assert b"waiting" in dump
    await until(lambda: gone(clinic), 15)


async def test_a_psychotherapy_note_is_its_authors(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    session = await clinic.session()
    with away(clinic):
        note = (await write(clinic, session, private=True)).id
        await clinic.okoye.get(f"/v1/notes/{note}", want=503)
    assert (await reconciled(clinic, note)).json["sections"] == {"hypotheses": SAID}
    await clinic.okoye.get(f"/v1/notes/{note}", want=404)


@pytest.mark.parametrize("why", [w for w in Away if w is not Away.GATE])
async def test_a_gate_that_answers_is_not_written_around(clinic: Clinic, why: Away) -> None:
    """Its ledger, its database or the keys are away: fail closed."""
    session = await clinic.session()
    with away(clinic, why):
        answer = await write(clinic, session, want=503)
        assert answer.json["reason"] == str(why) and answer.headers["Retry-After"]
    assert await gone(clinic)


async def test_who_may_not_document_at_all_writes_nothing(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        for who in (clinic.intake, clinic.client, clinic.rest.as_("officer-1", "compliance_officer")):
            await write(clinic, session, who, want=503)
        await write(clinic, session, want=403, X_Purpose_Of_Use="HMARKT")
        await clinic.marsh.post("/v1/sessions", clinic.session_body(), want=503)
    assert await gone(clinic)


async def test_what_the_domain_refuses_is_not_told_without_a_decision(clinic: Clinic) -> None:
    missed = await clinic.session(attendance="no_show")
    with away(clinic):
        await write(clinic, missed, private=True, want=503)
        await write(clinic, str(UUID(int=1)), want=503)


async def test_the_one_who_may_not_is_refused_until_they_may(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await clinic.session()
    with away(clinic):
        note = (await write(clinic, session, clinic.stranger)).id

    async def refused() -> bool:
        return (await clinic.stranger.get(f"/v1/notes/{note}", want=(503, 409))).status == 409

    await until(refused, 15)
    assert (await clinic.stranger.get(f"/v1/notes/{note}", want=409)).json["reason"] == "note-refused"
    await clinic.marsh.get(f"/v1/notes/{note}", want=404)
    assert [e["outcome"] for e in await entries(clinic)] == ["deny"]
    await clinic.relate("stranger", RelationshipRole.CARE_TEAM)
    monkeypatch.setattr(reconciling, "REFUSED_AGAIN", timedelta())
    downtime_of(clinic).woken.set()
    await until(lambda: gone(clinic), 15)
    assert (await clinic.stranger.get(f"/v1/notes/{note}")).json["sections"]["plan"] == SAID


async def test_an_answer_that_was_lost_makes_no_second_note(clinic: Clinic) -> None:
    """As where the service is killed between the gate's answer and its own commit."""
    session = await clinic.session()
    with away(clinic):
        note = (await write(clinic, session)).id
        clinic.world.line.lost = 2
    await reconciled(clinic, note)
    assert len([w for w in clinic.world.line.settled if w.tenant == clinic.tenant]) == 3
    listed = (await clinic.marsh.get(f"/v1/notes?client_id={clinic.client_id}")).json["items"]
    assert [n["id"] for n in listed] == [note]
    late = await entries(clinic)
    assert sorted(e["action"] for e in late) == ["compute", "compute", "create"], "each time a key left has its entry"


async def test_what_is_erased_meanwhile_does_not_come_back(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        erased, other = (await write(clinic, session)).id, (await write(clinic, session, private=True)).id
        await clinic.erase(KeyClass.PROGRESS_NOTE)
        left = {str(r["note_id"]): r["data"] for r in await rows(clinic)}
        assert left[erased] is None and left[other] is not None, "emptied before it was acknowledged"
        written_afterwards = (await write(clinic, session)).id
    assert (await reconciled(clinic, other)).json["sections"] == {"hypotheses": SAID}
    await until(lambda: gone(clinic), 15)
    for note in (erased, written_afterwards):
        await clinic.marsh.get(f"/v1/notes/{note}", want=404)
    outcomes = {e["records"][0]["record_id"]: (e["outcome"], e["reason"]) for e in await entries(clinic)}
    assert outcomes[erased] == outcomes[written_afterwards] == ("deny", "key-fenced")
    assert outcomes[other][0] == "permit"


async def test_a_changed_byte_is_an_alarm_and_nobody_reads_it(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        note = (await write(clinic, session)).id
        by = orjson.loads((await rows(clinic))[0]["data"]) | {"by": "sam.okoye"}
        await change(clinic, "UPDATE waiting_note SET data = $2 WHERE note_id = $1", UUID(note), orjson.dumps(by))
    await until(lambda: in_state(clinic, "refused"), 15)
    (alarm,) = await entries(clinic)
    assert (alarm["kind"], alarm["reason"]) == ("alarm", "late-write-tampered")
    await clinic.marsh.get(f"/v1/notes/{note}", want=409)


async def in_state(clinic: Clinic, *states: str) -> bool:
    return [r["state"] for r in await rows(clinic)] == list(states)


async def test_envelopes_that_change_places(clinic: Clinic) -> None:
    session = await clinic.session()
    with away(clinic):
        one, two = (await write(clinic, session)).id, (await write(clinic, session, private=True)).id
        swapped = "SELECT envelope FROM waiting_note WHERE note_id = (CASE w.note_id WHEN $1 THEN $2 ELSE $1 END)"
        await change(clinic, f"UPDATE waiting_note w SET envelope = ({swapped}) WHERE note_id IN ($1, $2)", UUID(one), UUID(two))  # noqa: S608
    await until(lambda: in_state(clinic, "refused", "refused"), 15)
    assert {e["reason"] for e in await entries(clinic)} == {"late-write-tampered"}


async def test_a_key_that_the_gate_did_not_sign_is_not_sealed_to(clinic: Clinic) -> None:
    """Who writes to the database cannot put a key of their own in its place."""
    session = await clinic.session()
    await change(clinic, "CREATE TABLE gate_key_copy AS SELECT * FROM gate_key_kept")
    try:
        with away(clinic):
            statement = "convert_from(statement, 'UTF8')::jsonb || jsonb_build_object('public', repeat('09', 32))"
            await change(clinic, f"UPDATE gate_key_kept SET statement = convert_to(({statement})::text, 'UTF8')")  # noqa: S608
            assert (await write(clinic, session, want=503)).json["reason"] == "gate"
            await change(clinic, "DELETE FROM gate_key_kept")
            await write(clinic, session, want=503)
    finally:
        await change(clinic, "DELETE FROM gate_key_kept; INSERT INTO gate_key_kept SELECT * FROM gate_key_copy")
        await change(clinic, "DROP TABLE gate_key_copy")
    with away(clinic):
        await write(clinic, session)


async def test_a_restart_is_waited_for(clinic: Clinic, bounds: Any) -> None:
    session = await clinic.session()
    bounds(after_seconds=2)
    with away(clinic):
        first = await write(clinic, session, want=503)
        assert (first.json["reason"], first.headers["Retry-After"]) == ("gate", "2")

        async def taken() -> bool:
            return (await write(clinic, session, want=(202, 503))).status == 202

        await until(taken)
    await until(lambda: gone(clinic), 15)
    with away(clinic):
        assert (await write(clinic, session, want=503)).json["reason"] == "gate", "it answered in between"


async def test_bounds(clinic: Clinic, bounds: Any) -> None:
    session = await clinic.session()
    bounds(hours=0)
    with away(clinic):
        assert (await write(clinic, session, want=503)).json["reason"] == "gate"
        bounds(notes=2)
        await write(clinic, session)
        await write(clinic, session)
        full = await write(clinic, session, want=503)
        assert full.json["reason"] == "downtime-full" and full.headers["Retry-After"] == "60"
        bounds(of_one_author=2)
        assert (await write(clinic, session, want=503)).json["reason"] == "downtime-full"
        await write(clinic, session, clinic.okoye)
        bounds()
        past = (
            "UPDATE waiting_note SET written_at = written_at - interval '73 hours' WHERE tenant_id = $1 AND author LIKE 'sam.%'"
        )
        await change(clinic, past, clinic.tenant)
        assert (await write(clinic, session, want=503)).json["reason"] == "downtime-full"
        await change(clinic, "DELETE FROM waiting_note WHERE tenant_id = $1 AND author = 'sam.okoye'", clinic.tenant)
    await until(lambda: gone(clinic), 15)


@pytest.fixture(autouse=True)
async def _nothing_is_left(clinic: Clinic) -> AsyncIterator[None]:
    yield
    clinic.world.line.lost = 0
    await change(clinic, "DELETE FROM waiting_note WHERE tenant_id = $1", clinic.tenant)

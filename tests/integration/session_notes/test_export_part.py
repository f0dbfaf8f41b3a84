"""This service's part of an export: a long record in pages, one question to the gate for 500 records."""

import zipfile
from io import BytesIO
from time import perf_counter
from typing import Any

import orjson
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from shared.contracts.disclosure import MAX_RECORDS, Action
from shared.export.recipient import Jwes
from shared.gate.port import Away
from tests.e2e.rest import Person
from tests.integration.session_notes.world import SOAP, Clinic

KEY = ECKey.generate_key("P-256", private=True)
BODY = {"public_key": KEY.as_dict(private=False)}


def path(clinic: Clinic) -> str:
    return f"/v1/clients/{clinic.client_id}/export/notes"


async def part(clinic: Clinic, person: Person) -> tuple[dict[str, str], list[str]]:
    answer = await person.post(path(clinic), BODY, want=200)
    *lines, end, last = answer.text.split("\n")
    assert (end, last) == (f"end {len(lines)}", "")
    return answer.headers, lines


def documents(lines: list[str]) -> list[Any]:
    found = []
    for line in lines:
        plain = jwe.decrypt_compact(line, KEY, registry=Jwes("ECDH-ES")).plaintext or b""
        with zipfile.ZipFile(BytesIO(plain)) as packed:
            found.append(orjson.loads(packed.read(next(n for n in packed.namelist() if n.endswith(".json")))))
    return found


async def test_a_long_record_comes_in_pages(clinic: Clinic) -> None:
    session, count = await clinic.session(), MAX_RECORDS + 20
    notes = [await clinic.progress(session) for _ in range(count)]
    await clinic.signed(*notes)
    clinic.world.line.asked.clear()
    started = perf_counter()
    headers, lines = await part(clinic, clinic.client)
    print(f"{count} notes exported in {perf_counter() - started:.2f} s, {sum(map(len, lines)) / 1024:.0f} kB")
    questions = [a for a in clinic.world.line.asked if a.action is Action.EXPORT]
    assert [len(q.records) for q in questions] == [0, MAX_RECORDS, 22], "the client first, then at most 500 of their records"
    assert len(headers["Audit-Entry"].split(",")) == 3
    assert headers["Export-Records"] == str(count + 2)
    pages = documents(lines)
    assert [
        r["id"] for p in pages if p.get("class") == "progress_note" for r in p["records"] if r["type"] == "progress_note"
    ] == notes
    assert max(len(p["records"]) for p in pages if "records" in p) == 100
    assert pages[-1]["classes"]["progress_note"] == {"records": count + 1, "erased": 0, "pages": 6}


async def test_a_page_of_long_notes_is_closed_early(clinic: Clinic) -> None:
    session = await clinic.session()
    long = {"format": "SOAP", "sections": dict.fromkeys(SOAP, "b" * 90_000)}
    for _ in range(5):
        made = await clinic.marsh.post(f"/v1/sessions/{session}/progress-notes", BytesIO(orjson.dumps(long)))
        await clinic.signed(made.id)
    _, lines = await part(clinic, clinic.client)
    assert max(map(len, lines)) < 64_000, "what repeats itself is packed"
    assert len([p for p in documents(lines) if p.get("class") == "progress_note"]) == 2


async def test_without_the_gate_there_is_none(clinic: Clinic) -> None:
    clinic.world.line.cut = Away.GATE
    try:
        answer = await clinic.client.post(path(clinic), BODY, want=503)
    finally:
        clinic.world.line.cut = None
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("who", ["marsh", "stranger"])
async def test_refused_before_the_first_byte(clinic: Clinic, who: str) -> None:
    answer = await getattr(clinic, who).post(path(clinic), BODY, want=(403, 404))
    assert answer.status == (403 if who == "marsh" else 404)
    assert ("Audit-Entry" in answer.headers) == (who == "marsh")

"""Sections saved one by one, returns by a supervisor, *entered in error*, versions: over HTTP, with the real gate."""

from datetime import datetime
from typing import Any

import pytest

from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from tests.e2e.rest import Answer, Person
from tests.integration.session_notes.world import SOAP, Clinic


async def save(who: Person, note: str, key: str, text: Any, version: int | str | None, want: int = 200) -> Answer:
    headers = {} if version is None else {"If_Match": version if isinstance(version, str) else f'W/"{version}"'}
    return await who.call("PUT", f"/v1/notes/{note}/sections/{key}", {"text": text}, want=want, **headers)


@pytest.fixture
async def supervised(clinic: Clinic) -> Clinic:
    """Sam Okoye supervises."""
    await clinic.relate("sam.okoye", RelationshipRole.SUPERVISOR)
    return clinic


def supervisor(clinic: Clinic) -> Person:
    return clinic.rest.as_("sam.okoye", "supervisor")


async def test_sections_are_saved_one_by_one_and_stop_no_other(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    first = await save(clinic.marsh, note, "plan", "Every two weeks.", 1)
    assert first.json == {"id": note, "version": 2, "status": "draft", "section": "plan", "saved": True}
    # the author's page still knows version 1 only: another section goes through, the same one does not
    await save(clinic.marsh, note, "objective", "Tired.", 1)
    await save(clinic.marsh, note, "plan", "Monthly.", 1, want=412)
    await save(clinic.marsh, note, "weather", "Rain.", 3, want=422)
    await save(clinic.marsh, note, "assessment", "Better.", 1)
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    changed = {"plan": "Every two weeks.", "objective": "Tired.", "assessment": "Better."}
    assert (read["sections"], read["version"]) == (SOAP | changed, 4)


async def test_the_same_again_is_no_new_version(clinic: Clinic) -> None:
    """Whoever lost the answer, or had to get a new token, sends it once more."""
    note = await clinic.progress(await clinic.session())
    await save(clinic.marsh, note, "plan", "Every two weeks.", 1)
    await save(clinic.rest.as_("lena.marsh", "therapist"), note, "plan", "Every two weeks.", 1)
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["version"] == 2
    expired = Person(clinic.rest, "lena.marsh", "expired")
    await save(expired, note, "plan", "Monthly.", 2, want=401)
    assert (await save(clinic.marsh, note, "plan", "Monthly.", 2)).json["version"] == 3


async def test_who_may_save_and_until_when(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await save(clinic.marsh, note, "plan", "x", None, want=428)
    await save(clinic.marsh, note, "plan", "x", '"9"', want=412)
    await save(clinic.stranger, note, "plan", "x", 1, want=404)
    await save(clinic.marsh, note, "plan", "from any version", "*")
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await save(clinic.marsh, note, "plan", "after", 3, want=409)


async def test_a_psychotherapy_note_by_section(clinic: Clinic) -> None:
    note = await clinic.private(await clinic.session())
    await save(clinic.marsh, note, "transference", "A father.", 1)
    await save(clinic.marsh, note, "diagnosis", "none of it here", 1, want=422)
    assert (await save(clinic.marsh, note, "countertransference", "", 1)).json["version"] == 3
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["sections"] == {"transference": "A father."}
    await save(clinic.okoye, note, "transference", "x", 1, want=404)


async def test_a_supervisor_returns_what_was_signed(supervised: Clinic) -> None:
    clinic = supervised
    note = await clinic.progress(await clinic.session())
    body = {"reason": "Say what was agreed on risk."}
    await supervisor(clinic).post(f"/v1/notes/{note}/returns", body, want=409)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    signed = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    await clinic.marsh.post(f"/v1/notes/{note}/returns", body, want=403)
    await clinic.stranger.post(f"/v1/notes/{note}/returns", body, want=404)
    await supervisor(clinic).post(f"/v1/notes/{note}/returns", {"reason": " "}, want=422)
    returned = await supervisor(clinic).post(f"/v1/notes/{note}/returns", body)
    assert returned.json["status"] == "returned" and clinic.asked()[-1].action is Action.RETURN
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert [(r["reason"], r["by"]) for r in read["returns"]] == [("Say what was agreed on risk.", "sam.okoye")]
    assert (read["sections"], read["signatures"]) == (signed["sections"], signed["signatures"])
    await clinic.put(clinic.marsh, note, {"sections": SOAP | {"plan": "changed"}}, read["version"], want=409)
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "No risk was told."})
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["status"] == "signed"
    await supervisor(clinic).post(f"/v1/notes/{note}/cosignatures")
    assert (await clinic.marsh.get(f"/v1/notes/{note}")).json["status"] == "cosigned"


async def test_nobody_returns_a_psychotherapy_note(supervised: Clinic) -> None:
    note = await supervised.private(await supervised.session())
    await supervised.marsh.post(f"/v1/notes/{note}/signatures")
    await supervisor(supervised).post(f"/v1/notes/{note}/returns", {"reason": "x"}, want=404)


@pytest.mark.parametrize("kind", ["progress", "private"])
@pytest.mark.parametrize("signed", [False, True])
async def test_a_note_entered_in_error_takes_nothing_more(supervised: Clinic, kind: str, signed: bool) -> None:
    clinic = supervised
    note = await getattr(clinic, kind)(await clinic.session())
    if signed:
        await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    before = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    await supervisor(clinic).post(f"/v1/notes/{note}/entered-in-error", {"reason": "x"}, want=403 if kind == "progress" else 404)
    marked = await clinic.marsh.post(f"/v1/notes/{note}/entered-in-error", {"reason": "Another client's."})
    read = (await clinic.marsh.get(f"/v1/notes/{note}")).json
    assert (marked.json["status"], read["status"]) == ("entered_in_error",) * 2
    assert read["sections"] == before["sections"] and read["in_error"]["reason"] == "Another client's."
    for path, body in (
        ("signatures", None),
        ("addenda", {"text": "more"}),
        ("entered-in-error", {"reason": "again"}),
    ):
        await clinic.marsh.post(f"/v1/notes/{note}/{path}", body, want=409)
    await clinic.put(clinic.marsh, note, {"sections": before["sections"]}, read["version"], want=409)
    await save(clinic.marsh, note, "plan", "x", read["version"], want=(409 if kind == "progress" else 422))
    if kind == "progress":
        await supervisor(clinic).post(f"/v1/notes/{note}/cosignatures", want=409)


async def test_versions_and_the_note_as_it_stood(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await save(clinic.marsh, note, "plan", "Every two weeks.", 1)
    await clinic.marsh.post(f"/v1/notes/{note}/signatures")
    await clinic.marsh.post(f"/v1/notes/{note}/addenda", {"text": "Called back."})
    answer = await clinic.marsh.get(f"/v1/notes/{note}/versions")
    versions = answer.json["items"]
    assert [(v["version"], v["what"], v["by"]) for v in versions] == [
        (1, "drafted", "lena.marsh"),
        (2, "revised", "lena.marsh"),
        (3, "signed", "lena.marsh"),
        (4, "addendum", "lena.marsh"),
    ]
    assert len(answer.entries) == 1
    shown = [(await clinic.marsh.get(f"/v1/notes/{note}?at={n}")).json for n in (1, 2, 3, 4)]
    assert [(s["sections"]["plan"], s["status"], len(s["addenda"])) for s in shown] == [
        (SOAP["plan"], "draft", 0),
        ("Every two weeks.", "draft", 0),
        ("Every two weeks.", "signed", 0),
        ("Every two weeks.", "signed", 1),
    ]
    assert shown[3] == (await clinic.marsh.get(f"/v1/notes/{note}")).json
    then = datetime.fromisoformat(versions[1]["at"]).isoformat().replace("+00:00", "Z")
    assert (await clinic.marsh.get(f"/v1/notes/{note}?at={then}")).json == shown[1]
    for wrong in ("5", "0", "yesterday", "2020-01-01T00:00:00Z"):
        refused = await clinic.marsh.get(f"/v1/notes/{note}?at={wrong}", want=422)
        assert [e["pointer"] for e in refused.json["errors"]] == ["?at"]
    for path in ("versions", "?at=1"):
        url = f"/v1/notes/{note}{path}" if path.startswith("?") else f"/v1/notes/{note}/{path}"
        await clinic.stranger.get(url, want=404)


async def test_nothing_earlier_is_shown_of_an_erased_note(clinic: Clinic) -> None:
    note = await clinic.progress(await clinic.session())
    await clinic.marsh.post(f"/v1/notes/{note}/entered-in-error", {"reason": "Another client's."})
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    for at in ("?at=1", ""):
        gone = (await clinic.marsh.get(f"/v1/notes/{note}{at}")).json
        assert (gone["erased"], gone["sections"]) == (True, {}) and "Another" not in str(gone)

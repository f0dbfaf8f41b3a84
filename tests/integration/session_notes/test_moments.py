"""Moments of a session over HTTP with the real gate: closed ones are their author's alone, open ones are published sealed."""

from typing import Any

import pytest

from services.session_notes.moments.domain.codes import CODES
from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.course import MOMENT_NOTED, MomentKind
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from shared.contracts.topics import SESSION_NOTES
from tests.integration.session_notes.world import Clinic

RUPTURE = {
    "kind": "rupture_withdrawal",
    "code": "minimal_response",
    "significance": 3,
    "text": "Short answers after the talk about the fee.",
    "class": "open",
}
CLOSED = {"kind": "countertransference", "text": "I wanted to make it easy for him.", "significance": 2}
CORRECTIVE = {
    "kind": "corrective_experience",
    "class": "open",
    "corrective": {"feared": "to be sent away", "happened": "was asked to stay with it", "felt": "relief", "said": "it is new"},
}


async def noted(clinic: Clinic, session: str, body: Any) -> str:
    return (await clinic.marsh.post(f"/v1/sessions/{session}/moments", body)).id


async def listed(clinic: Clinic, who: Any) -> list[str]:
    return [m["id"] for m in (await who.get(f"/v1/clients/{clinic.client_id}/moments")).json["items"]]


async def test_a_closed_moment_is_in_no_list_of_anybody_else(clinic: Clinic) -> None:
    session = await clinic.session()
    closed, opened = await noted(clinic, session, CLOSED), await noted(clinic, session, RUPTURE)
    await clinic.relate("sam.okoye", RelationshipRole.SUPERVISOR)
    supervisor = clinic.rest.as_("sam.okoye", "supervisor")
    assert await listed(clinic, clinic.marsh) == [opened, closed]
    for who in (clinic.okoye, supervisor, clinic.client):
        assert await listed(clinic, who) == [opened]
        assert [m["id"] for m in (await who.get(f"/v1/sessions/{session}/moments?limit=1")).json["items"]] == [opened]
        await who.get(f"/v1/moments/{closed}", want=404)
        await who.post(f"/v1/moments/{closed}/entered-in-error", {"reason": "not mine"}, want=404)
    read = (await clinic.marsh.get(f"/v1/moments/{closed}")).json
    assert (read["kind"], read["class"], read["text"], read["corrective"]) == (
        *("countertransference", "closed"),
        CLOSED["text"],
        None,
    )
    await clinic.stranger.get(f"/v1/clients/{clinic.client_id}/moments", want=404)
    await clinic.stranger.get(f"/v1/sessions/{session}/moments", want=404)
    await clinic.marsh.get(f"/v1/notes/{closed}", want=404)


async def test_open_moments_alone_are_published_and_sealed(clinic: Clinic) -> None:
    session = await clinic.session()
    await noted(clinic, session, CLOSED)
    await noted(clinic, session, CORRECTIVE)
    await clinic.relayed(SESSION_NOTES, 2)
    sent = [m for m in clinic.sent(SESSION_NOTES) if m.headers["ce_type"] == MOMENT_NOTED]
    assert len(sent) == 1
    assert b"sent away" not in sent[0].payload and session.encode() in sent[0].payload
    assert b'"$enc"' in sent[0].payload


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "transference", "class": "open"}, "/class"),
        ({"kind": "repair", "code": "denial"}, "/code"),
        ({"kind": "safety", "code": "explore"}, "/code"),
        ({"kind": "repair", "class": "open", "text": "x" * 201}, "/text"),
        ({"kind": "repair", "corrective": {"feared": "a", "happened": "b"}}, "/corrective"),
        ({"kind": "repair", "significance": 6}, "/significance"),
        ({"kind": "verdict"}, "/kind"),
    ],
)
async def test_what_is_no_moment(clinic: Clinic, body: Any, pointer: str) -> None:
    session = await clinic.session()
    refused = (await clinic.marsh.post(f"/v1/sessions/{session}/moments", body, want=422)).json
    assert [e["pointer"] for e in refused["errors"]] == [pointer]
    assert await listed(clinic, clinic.marsh) == []


async def test_of_a_missed_session_there_is_none(clinic: Clinic) -> None:
    session = await clinic.session(attendance="no_show")
    await clinic.marsh.post(f"/v1/sessions/{session}/moments", RUPTURE, want=409)
    await clinic.client.post(f"/v1/sessions/{session}/moments", RUPTURE, want=403)


async def test_a_mistake_is_marked_by_its_author_and_stays_readable(clinic: Clinic) -> None:
    moment = await noted(clinic, await clinic.session(), RUPTURE)
    await clinic.relate("sam.okoye")
    await clinic.okoye.post(f"/v1/moments/{moment}/entered-in-error", {"reason": "wrong"}, want=403)
    await clinic.marsh.post(f"/v1/moments/{moment}/entered-in-error", {"reason": "The session before."})
    read = (await clinic.marsh.get(f"/v1/moments/{moment}")).json
    assert read["status"] == "entered_in_error" and read["in_error"]["reason"] == "The session before."
    assert read["text"] == RUPTURE["text"]
    await clinic.marsh.post(f"/v1/moments/{moment}/entered-in-error", {"reason": "Again."}, want=409)


async def test_erased_moments_keep_their_shape(clinic: Clinic) -> None:
    session = await clinic.session()
    moment, closed = await noted(clinic, session, CORRECTIVE), await noted(clinic, session, CLOSED)
    before = {m: (await clinic.marsh.get(f"/v1/moments/{m}")).json for m in (moment, closed)}
    officers = [clinic.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2)]
    for officer in officers:
        await officer.put("/v1/audit/settings", {"law": "eu"}, want=(200, 202))
    await clinic.erase(KeyClass.PROGRESS_NOTE, KeyClass.PSYCHOTHERAPY_NOTE)
    for one in (moment, closed):
        after = (await clinic.marsh.get(f"/v1/moments/{one}")).json
        assert after["status"] == "erased" and after.keys() == before[one].keys()
        assert (after["kind"], after["text"], after["corrective"]) == (None, None, None)
    assert [m["status"] for m in (await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/moments")).json["items"]] == [
        "erased"
    ] * 2


async def test_one_entry_a_page_and_codes_that_are_described(clinic: Clinic) -> None:
    session = await clinic.session()
    for _ in range(3):
        await noted(clinic, session, RUPTURE)
    clinic.world.line.asked.clear()
    page = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/moments?limit=2")
    assert len(page.entries) == 1 and len(page.json["items"]) == 2
    assert [a.action for a in clinic.asked()] == [Action.SEARCH]
    rest = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/moments?limit=2&cursor={page.json['next']}")
    assert len(rest.json["items"]) == 1 and rest.json["next"] is None
    kinds = {k["kind"]: k for k in (await clinic.marsh.get("/v1/moment-codes")).json["items"]}
    assert set(kinds) == set(MomentKind) and kinds["transference"]["closed_only"]
    assert {c["code"] for c in kinds["repair"]["codes"]} == set(CODES[MomentKind.REPAIR])
    assert all(c["description"] for k in kinds.values() for c in k["codes"])

"""Every reader of a client's record, before and after all of it is erased: first each shows the words that were planted in the
record, then none shows a word, and each says that it was erased. A route that is added has to be added here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from shared.contracts.records import KeyClass
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.exports import export, opened
from tests.e2e.rest import Answer, Person, Rest, choose_law, until
from tests.e2e.story import STRAINED_AND_REPAIRED
from tests.e2e.surface import SOAP, Clinic, today

NAME, MRN, GUEST = "Ottoline Farrow-Quist", "MRN-40417", "Bram Yarrow"
NOTE, ADDENDUM, PRIVATE = "a heron by the frozen weir", "she rang about the ferry", "an amber kite above the orchard"
SCORE, OUTCOME, MISTYPED = '"total":44', '"score":61', "the digits were exchanged"
TALK, WITNESS, PAUSE, EVIDENCE = "spoken of slowly", "R. Ilves, front desk", "I want a pause", "birth certificate of 1961"
PAYER, BASIS = "Lakeshore Mutual plan", "disoriented since Tuesday"
WHAT, WHY, LONGER = "the date in line three", "it was in March", "the archive is in another town"
DENIED, NO, STILL = "the entry is right", "it is not right", "seen, and kept"
MOMENT, CLOSED = "grew quiet at the word ferry", "a pull to rescue"
GIFT, SINCE, WORSE = "a drawing of a lighthouse", "spoken of with a colleague", "slept badly after the ferry"
SIGN, LAKE = "letters stay unopened", "that summer at the lake"
CONCERN, ANSWER = "the sessions begin late", "we have moved them"
PROBLEM, GOAL, HOMEWORK = "nights without sleep", "one whole night a week", "a diary by the bed"
PLANTED: Final = (
    NAME, MRN, GUEST, NOTE, ADDENDUM, PRIVATE, SCORE, OUTCOME, MISTYPED, TALK, WITNESS, PAUSE, EVIDENCE, PAYER, BASIS,
    WHAT, WHY, LONGER, DENIED, NO, STILL, MOMENT, CLOSED, PROBLEM, GOAL, HOMEWORK,
    GIFT, SINCE, WORSE, CONCERN, ANSWER, SIGN, LAKE,
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """`path` is filled in by what was told; `planted` is what it shows as long as there are keys."""

    path: str
    planted: tuple[str, ...]
    shows: Callable[[Any], bool]
    """whether what it answers afterwards says that it was erased"""
    who: str = "marsh"
    body: Mapping[str, Any] | str | None = None
    """of a POST, JSON or a form; else it is a GET"""


def erased(body: Any) -> bool:
    """A record, emptied: gone, which is not withheld."""
    return (body["erased"], body["status"], "withheld" in body) == (True, "erased", False)


def name_erased(body: Any) -> bool:
    return (body["erased"], body["name"]) == (True, "")


def each_erased(body: Any) -> bool:
    return bool(body["items"]) and all(map(erased, body["items"]))


def each_point_erased(body: Any) -> bool:
    return bool(body["series"]) and all(map(erased, body["series"])) and body["episodes"] == []


def each_emptied(body: Any) -> bool:
    """Versions of which nothing is left but when they were written, and by whom."""
    kept = {"version", "what", "by", "at"}
    return bool(body["items"]) and all(value is None for one in body["items"] for name, value in one.items() if name not in kept)


def redacted(body: Any) -> bool:
    """A FHIR resource."""
    return bool(body["meta"]["security"][0]["code"] == "REDACTED")


def each_redacted(body: Any) -> bool:
    return bool(body["entry"]) and all(redacted(entry["resource"]) for entry in body["entry"])


def nothing(body: Any) -> bool:
    """What looks by words, or says what waits, has nothing to find by: as if it had not been."""
    return bool(body.get("items", body.get("prompts")) == [])


def no_counts(body: Any) -> bool:
    return bool(body["counts"] == {} and body["patterns"] == [])


def no_words(body: Any) -> bool:
    """A thread of ids."""
    return bool(body["plans"]) and body["plans"][0]["problems"] == [] and body["orphans"]["notes_without_goal"] == []


CLIENT = "?client_id={client}"
FHIR = "/fhir/R4"
READERS: Final[dict[str, Reader]] = {
    "GET /v1/clients/{client_id}": Reader("/v1/clients/{client}", (NAME, MRN), erased),
    "GET /v1/clients/{client_id}/name": Reader("/v1/clients/{client}/name", (NAME,), name_erased, "officer"),
    "POST /v1/clients/search": Reader(
        "/v1/clients/search", (NAME,), nothing, "intake", {"name": NAME, "birth_date": "1961-04-03"}
    ),
    "GET /v1/clients/{client_id}/next-session": Reader("/v1/clients/{client}/next-session", ("strain",), nothing),
    "GET /v1/sessions": Reader("/v1/sessions" + CLIENT, (GUEST,), each_erased),
    "GET /v1/sessions/{session_id}": Reader("/v1/sessions/{session}", (GUEST,), erased),
    "GET /v1/notes": Reader("/v1/notes" + CLIENT, (NOTE, ADDENDUM, PRIVATE), each_erased),
    "GET /v1/notes/{note_id}": Reader("/v1/notes/{note}", (NOTE, ADDENDUM), erased),
    "GET /v1/notes/{note_id}, psychotherapy": Reader("/v1/notes/{private}", (PRIVATE,), erased),
    "GET /v1/sessions/{session_id}/moments": Reader("/v1/sessions/{session}/moments", (MOMENT, CLOSED), each_erased),
    "GET /v1/clients/{client_id}/moments": Reader("/v1/clients/{client}/moments", (MOMENT, CLOSED), each_erased),
    "GET /v1/moments/{moment_id}": Reader("/v1/moments/{moment}", (MOMENT,), erased),
    "GET /v1/clients/{client_id}/plans": Reader("/v1/clients/{client}/plans", (PROBLEM, GOAL, HOMEWORK), each_erased),
    "GET /v1/plans/{plan_id}": Reader("/v1/plans/{plan}", (PROBLEM, GOAL, HOMEWORK), erased, "client"),
    "GET /v1/clients/{client_id}/thread": Reader("/v1/clients/{client}/thread", (PROBLEM, GOAL), no_words),
    "GET /v1/clients/{client_id}/boundary-events": Reader("/v1/clients/{client}/boundary-events", (GIFT, SINCE), each_erased),
    "GET /v1/clients/{client_id}/boundary-patterns": Reader("/v1/clients/{client}/boundary-patterns", ("gift",), no_counts),
    "GET /v1/boundary-events/{event_id}": Reader("/v1/boundary-events/{boundary}", (GIFT, SINCE), erased),
    "GET /v1/clients/{client_id}/adverse-effects": Reader("/v1/clients/{client}/adverse-effects", (WORSE,), each_erased),
    "GET /v1/adverse-effects/{effect_id}": Reader("/v1/adverse-effects/{effect}", (WORSE,), erased),
    "GET /v1/concerns": Reader("/v1/concerns", (CONCERN, ANSWER), each_erased, "client"),
    "GET /v1/concerns/{concern_id}": Reader("/v1/concerns/{concern}", (CONCERN, ANSWER), erased, "officer"),
    "GET /v1/clients/{client_id}/safety-plan": Reader("/v1/clients/{client}/safety-plan", (SIGN,), erased),
    "GET /v1/clients/{client_id}/closed-topics": Reader("/v1/clients/{client}/closed-topics", (LAKE,), each_erased),
    "POST /v1/notes/search": Reader("/v1/notes/search", ("subjective",), nothing, body={"words": "heron"}),
    "GET /v1/administrations": Reader("/v1/administrations" + CLIENT, (SCORE,), each_erased),
    "GET /v1/administrations/{administration_id}": Reader("/v1/administrations/{administration}", (SCORE,), erased),
    "GET /v1/clients/{client_id}/outcomes": Reader("/v1/clients/{client}/outcomes", (OUTCOME,), each_erased),
    "GET /v1/clients/{client_id}/outcomes, of a measure": Reader(
        "/v1/clients/{client}/outcomes?measure=gaf", (OUTCOME,), each_erased
    ),
    "GET /v1/outcomes/{outcome_id}": Reader("/v1/outcomes/{outcome}", (OUTCOME,), erased),
    "GET /v1/outcomes/{outcome_id}/history": Reader("/v1/outcomes/{outcome}/history", (OUTCOME, MISTYPED), each_emptied),
    "GET /v1/clients/{client_id}/alliance": Reader(
        "/v1/clients/{client}/alliance?instrument=wai-sr", (SCORE,), each_point_erased
    ),
    "GET /v1/consents": Reader("/v1/consents" + CLIENT, (NAME, TALK, WITNESS, PAUSE), each_erased, "client"),
    "GET /v1/consents/{consent_id}": Reader("/v1/consents/{consent}", (NAME, TALK, WITNESS), erased, "client"),
    "GET /v1/representatives": Reader("/v1/representatives" + CLIENT, (EVIDENCE,), each_erased, "client"),
    "GET /v1/representatives/{record_id}": Reader("/v1/representatives/{representative}", (EVIDENCE,), erased, "client"),
    "GET /v1/restrictions": Reader("/v1/restrictions" + CLIENT, (PAYER,), each_erased, "client"),
    "GET /v1/restrictions/{record_id}": Reader("/v1/restrictions/{restriction}", (PAYER,), erased, "client"),
    "GET /v1/amendment-requests": Reader(
        "/v1/amendment-requests" + CLIENT, (WHAT, WHY, LONGER, DENIED, NO, STILL), each_erased, "client"
    ),
    "GET /v1/amendment-requests/{record_id}": Reader(
        "/v1/amendment-requests/{amendment}", (WHAT, WHY, LONGER, DENIED, NO, STILL), erased, "client"
    ),
    "GET /v1/capacities": Reader("/v1/capacities" + CLIENT, (BASIS,), erased),
    f"GET {FHIR}/Consent": Reader(FHIR + "/Consent?patient={client}", (NAME,), each_redacted, "intake"),
    f"POST {FHIR}/Consent/_search": Reader(FHIR + "/Consent/_search", (NAME,), each_redacted, "intake", "patient={client}"),
    f"GET {FHIR}/Consent/{{consent_id}}": Reader(FHIR + "/Consent/{consent}", (NAME,), redacted, "intake"),
    f"GET {FHIR}/Consent/{{consent_id}}/_history": Reader(FHIR + "/Consent/{consent}/_history", (NAME,), each_redacted, "intake"),
    f"GET {FHIR}/Consent/{{consent_id}}/_history/{{version_id}}": Reader(
        FHIR + "/Consent/{consent}/_history/1", (NAME,), redacted, "intake"
    ),
}
OTHERS: Final = {
    "GET /v1/consents/{consent_id}/history": "ids, times and sentences made of public fields; its words are never in it",
    "GET /v1/representatives/{record_id}/history": "as of a consent",
    "GET /v1/restrictions/{record_id}/history": "as of a consent",
    "GET /v1/amendment-requests/{record_id}/history": "as of a consent",
    "GET /v1/relationships": "nothing of a relationship is sealed",
    f"GET {FHIR}/Provenance": "who wrote which version; its words are never in it",
    f"GET {FHIR}/Provenance/{{provenance_id}}": "who wrote which version; its words are never in it",
    "GET /v1/clients/{client_id}/alliance/release": "the choice is kept in the clear: the gate goes by it",
    f"GET {FHIR}/Questionnaire": "no client's",
    f"POST {FHIR}/Questionnaire/_search": "no client's",
    f"GET {FHIR}/Questionnaire/{{questionnaire_id}}": "no client's",
    "GET /v1/instruments": "no client's",
    "GET /v1/instruments/{instrument_id}": "no client's",
    "GET /v1/persons": "staff",
    "GET /v1/me": "the caller's own token",
    "GET /v1/moment-codes": "the same for every clinic",
    "GET /v1/clients": "names are opened as those of one client are: `integration/session_notes/test_working_day.py`",
    "GET /v1/worklist": "ids and dates",
    "GET /v1/sessions/{session_id}/history": "as the session itself",
    "GET /v1/notes/{note_id}/versions": "versions, authors and times; texts are opened as the note is",
    "GET /v1/risk-alerts": "who is told and when; an answer is opened as the administration is",
    "GET /v1/risk-settings": "the practice's own",
    "GET /v1/jurisdictions": "no client's",
    "GET /v1/policy-feed": "between services; what is public of a policy",
}
"""Routes that open nothing, and why."""


@pytest.fixture
async def told(clinic: Rest) -> tuple[Clinic, dict[str, str]]:
    """A record with words in every place that is sealed, and the ids of what it holds."""
    story = Clinic(clinic)
    identity = {"name": NAME, "birth_date": "1961-04-03", "identifiers": [{"system": "urn:example:mrn", "value": MRN}]}
    client = story.told.client_id = (await story.intake.post("/v1/clients", identity)).id
    story.noor = clinic.as_(f"client-{client[:8]}", "client", client_id=client)
    await story.relate(story.marsh)
    await story.agreed("measurement", grantor={"role": "client", "name": NAME})
    ids = {"client": client, "consent": await consented(story), **await noted(story), **await measured(story)}
    return story, ids | await looked_after(story) | await surrounded(story, ids["note"])


async def consented(story: Clinic) -> str:
    proposed = await story.intake.post("/v1/consents", story.form(grantor={"role": "client", "name": NAME}))
    path = f"/v1/consents/{proposed.id}"
    talk = {"explained_on": today(), "method": "teach_back", "understood": True, "note": TALK}
    await story.marsh.post(f"{path}/explanations", talk)
    await story.intake.post(f"{path}/signatures", {"witness": WITNESS, "evidence": "paper form, scanned"})
    ended = await story.agreed("telehealth")
    await story.client.post(f"/v1/consents/{ended}/revocations", {"reason": PAUSE}, want=200)
    return proposed.id


async def noted(story: Clinic) -> dict[str, str]:
    session = await story.held(participants=[GUEST])
    path = f"/v1/sessions/{session}"
    note = (await story.marsh.post(f"{path}/progress-notes", {"format": "SOAP", "sections": {**SOAP, "subjective": NOTE}})).id
    private = (await story.marsh.post(f"{path}/psychotherapy-notes", {"sections": {"process": PRIVATE}})).id
    await story.marsh.post(f"/v1/notes/{note}/signatures", {})
    await story.marsh.post(f"/v1/notes/{note}/addenda", {"text": ADDENDUM})
    moment = (await story.marsh.post(f"{path}/moments", {"kind": "safety", "text": MOMENT, "class": "open"})).id
    await story.marsh.post(f"{path}/moments", {"kind": "countertransference", "text": CLOSED})
    return {"session": session, "note": note, "private": private, "moment": moment, "plan": await planned(story)}


async def planned(story: Clinic) -> str:
    plan = (await story.marsh.post(f"/v1/clients/{story.client_id}/plans", {"problems": [PROBLEM]})).id
    goal = (await story.client.post(f"/v1/plans/{plan}/goals", {"description": GOAL})).id
    await story.marsh.post(f"/v1/goals/{goal}/tasks", {"what": HOMEWORK})
    return plan


async def looked_after(story: Clinic) -> dict[str, str]:
    path = f"/v1/clients/{story.client_id}"
    gift = {"kind": "gift", "began_by": "client", "what": GIFT, "reasoning": "Taken, and talked about."}
    event = (await story.marsh.post(f"{path}/boundary-events", gift)).id
    await story.marsh.post(f"/v1/boundary-events/{event}/additions", {"words": SINCE})
    effect = (await story.marsh.post(f"{path}/adverse-effects", {"what": WORSE, "seriousness": "mild"})).id
    await story.client.put(f"{path}/safety-plan", {"warning_signs": [SIGN]}, want=201)
    await story.client.post(f"{path}/closed-topics", {"topic": LAKE})
    concern = (await story.client.post("/v1/concerns", {"words": CONCERN})).id
    await story.officer.post(f"/v1/concerns/{concern}/answers", {"words": ANSWER})
    return {"boundary": event, "effect": effect, "concern": concern}


async def measured(story: Clinic) -> dict[str, str]:
    """Ratings with a strain, so that a prompt waits for the next session."""
    ids = []
    for total in STRAINED_AND_REPAIRED[:7]:
        base, extra = divmod(total, 12)
        asked = await story.asked()
        answers = {str(i): base + (1 if i <= extra else 0) for i in range(1, 13)}
        await story.client.post(f"/v1/administrations/{asked.id}/responses", {"answers": answers})
        ids.append(asked.id)
    outcome = (await story.marsh.post(f"/v1/clients/{story.client_id}/outcomes", {"measure": "gaf", "score": 16})).id
    right = {"score": 61, "reason": MISTYPED}
    await story.marsh.put(f"/v1/outcomes/{outcome}", right, If_Match='W/"1"')

    async def prompted() -> bool:
        waits = (await story.marsh.get(f"/v1/clients/{story.client_id}/next-session")).json["prompts"]
        return any(p["kind"] == "strain" for p in waits)

    await until("a prompt waits", prompted, 10.0)
    return {"administration": ids[0], "outcome": outcome}


async def surrounded(story: Clinic, note: str) -> dict[str, str]:
    """A representative, a restriction, an amendment that was denied, a finding on capacity."""
    client = story.client_id
    acting = {"client_id": client, "person": "ines.yarrow", "name": GUEST, "kind": "guardian", "authority": "court-order",
              "evidence": EVIDENCE, "period": {"start": "2026-01-01"}, "may": ["read"]}  # fmt: skip
    unpaid = {"client_id": client, "payer": "plan.example", "payer_name": PAYER, "paid_in_full": True, "record_ids": [note],
              "period": {"start": "2026-01-01"}}  # fmt: skip
    asked = {"client_id": client, "record_id": note, "record_type": "progress_note", "what": WHAT, "why": WHY}
    lost = {"client_id": client, "has_capacity": False, "since": "2026-01-01T09:00:00Z", "basis": BASIS}
    representative = (await story.intake.post("/v1/representatives", acting)).id
    restriction = (await story.client.post("/v1/restrictions", unpaid)).id
    amendment = (await story.client.post("/v1/amendment-requests", asked)).id
    path = f"/v1/amendment-requests/{amendment}"
    await story.marsh.post(f"{path}/extensions", {"reason": LONGER})
    await story.officer.post(f"{path}/denials", {"basis": "accurate", "reason": DENIED})
    await story.client.post(f"{path}/disagreements", {"text": NO})
    await story.officer.post(f"{path}/rebuttals", {"text": STILL})
    await story.marsh.post("/v1/capacities", lost)
    return {"representative": representative, "restriction": restriction, "amendment": amendment}


async def test_every_reader_is_here(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> None:
    routes = set()
    for service in ("consent", "session_notes", "alliance_measurement"):
        async with session.get(f"{embedded.url}/openapi/{service}.json") as got:
            for path, verbs in (await got.json())["paths"].items():
                routes |= {f"{verb.upper()} {path}" for verb in verbs if verb == "get" or path.endswith("search")}
    assert routes == {name.partition(",")[0] for name in READERS} | set(OTHERS)


async def test_every_reader_shows_what_was_erased_as_erased(told: tuple[Clinic, dict[str, str]], tmp_path: Path) -> None:
    story, ids = told
    for name, reader in READERS.items():
        before = await read(story, reader, ids)
        assert not [w for w in reader.planted if w not in before.text], (name, before.text)
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    page = opened(await export(story.client, story.client_id), tmp_path / "before").text("html")
    assert all(word in page for word in (NAME, NOTE, ADDENDUM, TALK, EVIDENCE, PAYER, WHAT, BASIS))
    await all_erased(story)

    for name, reader in READERS.items():
        after = await read(story, reader, ids)
        assert not [w for w in PLANTED if w in after.text], (name, after.text)
        assert reader.shows(after.json), (name, after.text)
    record = opened(await export(story.client, story.client_id), tmp_path / "after")
    for kind in ("json", "html"):
        assert not [w for w in PLANTED if w in record.text(kind)], kind
    for key_class in KeyClass:
        left = [
            r for r in record.records(key_class) if r["type"] not in ("relationship", "release_choice", "course_of_the_alliance")
        ]
        assert all(map(erased, left)), key_class
    (course,) = (r for r in record.records("measures") if r["type"] == "course_of_the_alliance")
    assert each_point_erased(course)


async def read(story: Clinic, reader: Reader, ids: Mapping[str, str]) -> Answer:
    person: Person = getattr(story, reader.who)
    path = reader.path.format(**ids)
    if reader.body is None:
        return await person.get(path)
    if isinstance(reader.body, str):
        form = reader.body.format(**ids).encode()
        return await person.post(path, form, want=200, Content_Type="application/x-www-form-urlencoded")
    return await person.post(path, dict(reader.body), want=200)


async def all_erased(story: Clinic) -> None:
    await choose_law("eu", story.officer, story.second_officer)
    body = {"client_id": story.client_id, "key_classes": [str(c) for c in KeyClass], "basis": "GDPR 17(1)(b)"}
    asked = await story.officer.post("/v1/erasures", body, want=202)
    await story.second_officer.post(f"/v1/erasures/{asked.id}/approvals", want=202)

    async def completed() -> bool:
        return bool((await story.officer.get(f"/v1/erasures/{asked.id}")).json["status"] == "completed")

    await until("the erasure is completed", completed, 10.0)

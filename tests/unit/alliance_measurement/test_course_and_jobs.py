"""What is shown of a course, and what jobs do, with a gate that records what it was asked."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.alliance_measurement.administrations.application.choreography import MisplacedSession, schedule_measure
from services.alliance_measurement.courses.application.course import read_course
from services.alliance_measurement.courses.application.detection import StrainDetection
from services.alliance_measurement.settings import Settings
from shared.contracts.alliance import PromptPrepared
from shared.contracts.disclosure import Action, Ratings, Refusal
from shared.contracts.records import ALLIANCE_RATING, RecordType
from shared.contracts.session_notes import SESSION_HELD, SessionHeld
from shared.contracts.topics import ALLIANCE, RECEIPTS, SESSION_NOTES
from shared.http.call import Call
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.messaging.port import Message
from shared.sealing.event import EventTypes
from tests.unit.alliance_measurement.doubles import NOW, TENANT, Memory, RecordingGate, asking_desk, desk, due_of, key_of, ratings

STRAINED_AND_REPAIRED = (44, 45, 46, 45, 47, 46, 33, 34, 46, 47, 48, 48)
CLIENT = uuid4()
NOTHING = {"released": False, "series": [], "episodes": []}


def call(role: Role = Role.THERAPIST) -> Call:
    return Call(
        Principal("dr-lang", TENANT, role, client_id=str(CLIENT) if role is Role.CLIENT else None), "token", None, "r", None
    )


def memory(totals: Any = STRAINED_AND_REPAIRED) -> Memory:
    return Memory(ratings(CLIENT, totals))


def ids(held: Memory) -> list[str]:
    return [str(row.id) for row, _ in held.ratings]


async def course(gate: RecordingGate, held: Memory, role: Role = Role.THERAPIST) -> dict[str, Any]:
    return (await read_course(desk(gate, held), call(role), CLIENT, "wai-sr"))[0]


async def test_a_course_is_asked_for_in_one_search() -> None:
    gate, held = RecordingGate(), memory()
    body, entries = await read_course(desk(gate, held), call(), CLIENT, "wai-sr")
    (asked,) = gate.asked
    assert (asked.action, [r.record_id for r in asked.records], entries) == (Action.SEARCH, ids(held), (1,))
    assert [e["onset"] for e in body["episodes"]] == [7]


async def test_delayed_ends_the_course_before_the_first_rating_kept_back() -> None:
    held = memory()
    # the eighth is kept back although the ninth would be shown: asked for earlier, answered later
    gate = RecordingGate(denied={ids(held)[7]: "released-no"})
    body = await course(gate, held)
    assert [p["administration"] for p in body["series"]] == ids(held)[:7]
    assert [(e["onset"], e.get("repaired_at")) for e in body["episodes"]] == [(7, None)]


async def test_all_kept_back_is_withheld_and_shows_no_rules_either() -> None:
    assert await course(RecordingGate(denies_all="released-no"), memory()) == NOTHING


async def test_denied_for_another_reason_is_403_with_its_entry() -> None:
    with pytest.raises(Problem) as refused:
        await course(RecordingGate(denies_all="no-consent"), memory())
    assert (refused.value.status, refused.value.headers["Audit-Entry"]) == (403, "1")


@pytest.mark.parametrize(("ratings", "shown"), [(Ratings.SHOWN, True), (Ratings.KEPT_BACK, False)])
async def test_without_a_rating_the_gate_says_what_would_become_of_one(ratings: Ratings, shown: bool) -> None:
    body = await course(RecordingGate(ratings=ratings), Memory())
    assert body["released"] is shown
    assert (body["series"], body["episodes"]) == ([], [])


async def test_without_a_rating_a_refusal_looks_as_with_some() -> None:
    with pytest.raises(Problem) as refused:
        await course(RecordingGate(ratings=Ratings.REFUSED), Memory())
    assert refused.value.status == 403


async def test_erased_ratings_keep_their_places_in_the_course() -> None:
    held = memory()
    body = await course(RecordingGate(erased=set(ids(held))), held)
    assert (body["released"], body["episodes"]) == (True, [])
    assert [(p["administration"], p["status"], p["erased"], p["scores"]) for p in body["series"]] == [
        (i, "erased", True, {}) for i in ids(held)
    ]


async def test_sessions_keep_their_numbers_beside_erased_ones() -> None:
    held = memory()
    body = await course(RecordingGate(erased=set(ids(held)[:1])), held)
    assert [e["onset"] for e in body["episodes"]] == [7]
    assert [p.get("erased", False) for p in body["series"]] == [True] + [False] * 11


async def test_erased_ratings_that_are_kept_back_look_like_none() -> None:
    held = memory()
    assert await course(RecordingGate(denies_all="released-no", erased=set(ids(held))), held) == NOTHING


async def test_at_the_ceiling_the_course_says_that_there_is_no_room_to_rise() -> None:
    assert "no room to rise" in (await course(RecordingGate(), memory((55,))))["notes"][0]
    assert (await course(RecordingGate(), memory((45,))))["notes"] == []


def prompt_of(held: Memory) -> tuple[PromptPrepared, dict[str, Any]]:
    (append,) = held.appended
    (new,) = append.events
    event = EventTypes(PromptPrepared).load(
        tenant=TENANT, event_type=new.type, schema_version=1, event_id=new.event_id, data=new.data
    )
    assert isinstance(event, PromptPrepared)
    return event, event.body.open(key_of(str(event.prompt_id)))


async def test_a_prompt_is_computed_from_what_was_answered_until_then() -> None:
    gate, held = RecordingGate(), memory()
    await StrainDetection(desk(gate, held)).prepare(TENANT, due_of(held, 6))
    compute, create = gate.asked
    assert (compute.caller.job, compute.action, len(compute.records)) == ("strain_detection", Action.COMPUTE, 7)
    (record,) = create.records
    assert (create.action, record.record_type, record.labels) == (Action.CREATE, RecordType.REPAIR_PROMPT, (ALLIANCE_RATING,))
    event, body = prompt_of(held)
    assert (body["kind"], body["onset"], str(event.prompt_id)) == ("strain", 7, record.record_id)
    assert [p.topic for p in held.appended[0].events[0].publish] == [ALLIANCE, RECEIPTS]
    assert held.statements[0].args == (due_of(held, 6).administration_id,)


async def test_a_second_prompt_for_the_same_rating_only_takes_it_off() -> None:
    gate, held = RecordingGate(), memory()
    detection = StrainDetection(desk(gate, held))
    await detection.prepare(TENANT, due_of(held))
    await detection.prepare(TENANT, due_of(held))
    assert len(held.appended) == 1 and len(held.statements) == 2


async def test_a_prompt_is_made_where_no_constants_are_set() -> None:
    held = memory()
    await StrainDetection(desk(RecordingGate(), held, Settings(strain={}))).prepare(TENANT, due_of(held, 6))
    assert prompt_of(held)[1]["kind"] == "none"


async def test_what_is_denied_for_good_is_taken_off_and_what_passes_is_tried_again() -> None:
    held = memory()
    await StrainDetection(desk(RecordingGate(denies_all="key-fenced"), held)).prepare(TENANT, due_of(held))
    assert (held.appended, len(held.statements)) == ([], 1)
    with pytest.raises(Problem) as stale:
        await StrainDetection(desk(RecordingGate(refusal=Refusal.STALE), held)).prepare(TENANT, due_of(held))
    assert stale.value.status == 503


def session_held(session: UUID, key: str = f"{TENANT}/{CLIENT}") -> Message:
    held = SessionHeld(session_id=session, client_id=CLIENT, therapist_id="dr-lang", recorded_at=NOW)
    payload = held.model_dump_json().encode()
    return Message(SESSION_NOTES, TENANT, key, uuid4(), SESSION_HELD, 1, "session_notes", 1, f"session/{session}", payload)


async def test_a_session_is_scheduled_once() -> None:
    gate, held, session = RecordingGate(), Memory(), uuid4()
    handle = schedule_measure(asking_desk(gate, held))
    effect = await handle(session_held(session))
    assert effect is not None
    (append,) = effect.appends
    data = orjson.loads(append.events[0].data)
    assert (data["instrument"], data["rater"], data["session_id"]) == ("wai-sr", "client", str(session))
    assert [s.sql for s in effect.statements] == ["requested", "scheduled"]
    (asked,) = gate.asked
    (record,) = asked.records
    assert (asked.caller.job, record.author, record.labels) == ("choreography", str(CLIENT), (ALLIANCE_RATING,))
    held.scheduled_sessions.add(session)
    assert await handle(session_held(session)) is None
    assert len(gate.asked) == 1


async def test_nothing_is_scheduled_where_the_job_is_refused_or_the_instrument_disabled() -> None:
    assert await schedule_measure(asking_desk(RecordingGate(denies_all="job-row"), Memory()))(session_held(uuid4())) is None
    off = Settings(scheduled_instrument="wai-o")
    assert await schedule_measure(asking_desk(RecordingGate(), Memory(), off))(session_held(uuid4())) is None


async def test_a_session_under_another_clients_key_is_no_session() -> None:
    with pytest.raises(MisplacedSession):
        await schedule_measure(asking_desk(RecordingGate(), Memory()))(session_held(uuid4(), f"{TENANT}/{uuid4()}"))


async def test_a_prompt_reads_a_window_and_numbers_sessions_in_the_whole_course() -> None:
    """400 answers read 60 records each at most, not all before them: one client does not use up the job's cap."""
    calm = (45, 46, 44, 45, 46) * 60
    held, gate = memory((*calm, *STRAINED_AND_REPAIRED[:7])), RecordingGate()
    await StrainDetection(desk(gate, held)).prepare(TENANT, due_of(held))
    computed = next(a for a in gate.asked if a.action is Action.COMPUTE)
    assert [r.record_id for r in computed.records] == ids(held)[-60:]
    _, body = prompt_of(held)
    assert (body["kind"], body["onset"]) == ("strain", len(calm) + 7)

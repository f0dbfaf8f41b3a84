"""A plan over HTTP with the real gate: proposed by either side, agreed by both, reviewed when due, signed or declined."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from shared.contracts.course import GOAL_ANSWERED
from shared.contracts.disclosure import Action
from shared.contracts.topics import SESSION_NOTES
from tests.e2e.rest import Person
from tests.integration.session_notes.world import Clinic
from tests.support.postgres import Postgres

LEVELS = {"-2": "never", "-1": "seldom", "0": "once a week", "1": "twice", "2": "most nights"}
GOAL = {"description": "Sleeps through.", "clients_words": "One whole night.", "levels": LEVELS, "weight": 2, "problem": 0}


@dataclass
class Planned:
    clinic: Clinic
    plan: str
    goal: str
    session: str

    async def read(self, who: Person | None = None) -> Any:
        return (await (who or self.clinic.marsh).get(f"/v1/plans/{self.plan}")).json


@pytest.fixture
async def planned(clinic: Clinic) -> Planned:
    path = f"/v1/clients/{clinic.client_id}/plans"
    plan = (
        await clinic.marsh.post(path, {"problems": ["Lies awake.", "Keeps away from friends."], "strengths": ["Asks for help."]})
    ).id
    goal = (await clinic.client.post(f"/v1/plans/{plan}/goals", GOAL)).id
    return Planned(clinic, plan, goal, await clinic.session())


async def test_a_goal_is_agreed_while_both_say_yes(planned: Planned) -> None:
    clinic, path = planned.clinic, f"/v1/goals/{planned.goal}/agreements"
    assert (await planned.read())["goals"][0]["agreed"] is False
    await clinic.client.post(path, {"party": "client", "agrees": True, "words": "Yes, that is what I want."})
    assert (await planned.read())["goals"][0]["agreed"] is False
    await clinic.marsh.post(path, {"party": "therapist", "agrees": True})
    read = await planned.read(clinic.client)
    assert read["goals"][0]["agreed"] is True and read["goals"][0]["agreements"][0]["words"] == "Yes, that is what I want."
    assert read["goals"][0]["proposed_by"] == "client"
    await clinic.client.post(path, {"party": "client", "agrees": False})
    assert (await planned.read())["goals"][0]["agreed"] is False
    refused = await clinic.marsh.post(path, {"party": "client", "agrees": True}, want=422)
    assert refused.json["errors"][0]["pointer"] == "/party"


async def test_answers_are_published_sealed_with_their_goal(planned: Planned) -> None:
    clinic = planned.clinic
    words = "not another list"
    await clinic.client.post(f"/v1/goals/{planned.goal}/agreements", {"party": "client", "agrees": False, "words": words})
    await clinic.relayed(SESSION_NOTES, 2)
    (sent,) = (m for m in clinic.sent(SESSION_NOTES) if m.headers["ce_type"] == GOAL_ANSWERED)
    assert planned.goal.encode() in sent.payload
    assert words.encode() not in sent.payload and b"agrees" not in sent.payload


async def test_levels_over_time_give_one_t(planned: Planned) -> None:
    clinic, path = planned.clinic, f"/v1/goals/{planned.goal}/attainments"
    assert (await planned.read())["t_score"] is None
    await clinic.marsh.post(path, {"level": -1, "session_id": planned.session})
    await clinic.marsh.post(path, {"level": 1, "session_id": await clinic.session()})
    read = await planned.read()
    assert [a["level"] for a in read["goals"][0]["attainments"]] == [-1, 1]
    assert read["t_score"] == 60.0
    bare = (await clinic.marsh.post(f"/v1/plans/{planned.plan}/goals", {"description": "Calls a friend."})).id
    await clinic.marsh.post(f"/v1/goals/{bare}/attainments", {"level": 0, "session_id": planned.session}, want=409)
    await clinic.client.post(path, {"level": 2, "session_id": planned.session}, want=403)


async def test_homework_and_how_it_went(planned: Planned) -> None:
    clinic = planned.clinic
    task = (await clinic.marsh.post(f"/v1/goals/{planned.goal}/tasks", {"what": "Diary", "session_id": planned.session})).id
    done = {"session_id": planned.session, "done": "partly", "words": "Three days of seven."}
    await clinic.client.post(f"/v1/tasks/{task}/completions", done)
    (shown,) = (await planned.read())["goals"][0]["tasks"]
    assert shown["completions"][0]["done"] == "partly" and shown["what"] == "Diary"
    # a task's id is no goal's, and the other way round
    await clinic.marsh.post(f"/v1/goals/{task}/agreements", {"party": "therapist", "agrees": True}, want=404)
    await clinic.client.post(f"/v1/tasks/{planned.goal}/completions", done, want=404)


async def test_what_is_named_belongs_to_the_same_client(planned: Planned) -> None:
    clinic = planned.clinic
    other = await clinic.world.clinic().opened()
    foreign = await other.session()
    for session in (foreign, planned.plan):
        refused = await clinic.marsh.post(f"/v1/goals/{planned.goal}/attainments", {"level": 0, "session_id": session}, want=422)
        assert refused.json["errors"][0]["pointer"] == "/session_id"
    private = await clinic.private(planned.session)
    refused = await clinic.marsh.post(f"/v1/goals/{planned.goal}/notes", {"note_id": private}, want=422)
    assert refused.json["errors"][0]["pointer"] == "/note_id"


async def test_signed_or_declined_with_a_copy_offered(planned: Planned) -> None:
    clinic, path = planned.clinic, f"/v1/plans/{planned.plan}/signatures"
    await clinic.marsh.post(path, {})
    declined = {"declined": {"reason": "Wants to think about it.", "copy_offered": True}}
    await clinic.client.post(path, declined, want=422)
    await clinic.marsh.post(path, declined)
    await clinic.client.post(path)
    signatures = (await planned.read())["signatures"]
    assert [(s["party"], s["of_version"], s["declined"] is not None) for s in signatures] == [
        ("therapist", 2, False),
        ("client", 3, True),
        ("client", 4, False),
    ]
    empty = (await clinic.marsh.post(f"/v1/clients/{clinic.client_id}/plans", {"problems": ["Grief."]})).id
    await clinic.marsh.post(f"/v1/plans/{empty}/signatures", {}, want=409)


async def test_a_review_that_is_due_waits_in_the_worklist(planned: Planned, postgres: Postgres) -> None:
    clinic = planned.clinic
    assert (await planned.read())["review"]["every_days"] == 90
    assert "Kansas R03-606" in (await planned.read())["review"]["citation"]
    assert (await clinic.marsh.get("/v1/worklist")).json["plan_reviews_due"] == []
    await make_due(clinic, planned.plan)
    (waits,) = (await clinic.marsh.get("/v1/worklist")).json["plan_reviews_due"]
    assert waits["id"] == planned.plan and "text" not in waits
    assert (await clinic.okoye.get("/v1/worklist")).json["plan_reviews_due"] == []
    await clinic.marsh.post(f"/v1/plans/{planned.plan}/reviews", {"words": "Going on as agreed."})
    assert (await clinic.marsh.get("/v1/worklist")).json["plan_reviews_due"] == []
    await clinic.marsh.post(f"/v1/plans/{planned.plan}/reviews", {"words": "Reached.", "ended": True})
    read = await planned.read()
    assert read["status"] == "ended" and read["review"]["due_at"] is None
    await clinic.marsh.post(f"/v1/plans/{planned.plan}/goals", GOAL, want=409)


async def make_due(clinic: Clinic, plan: str) -> None:
    """As if ninety days had gone by."""

    connection = await asyncpg.connect(clinic.world.database.owner)
    try:
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", clinic.tenant)
        done = await connection.execute(
            "UPDATE course_record SET due_at = now() - interval '1 hour' WHERE tenant_id = $1 AND record_id = $2",
            clinic.tenant,
            plan,
        )
        assert done == "UPDATE 1"
    finally:
        await connection.close()


async def test_the_golden_thread_names_its_orphans_on_both_sides(planned: Planned) -> None:
    clinic, path = planned.clinic, f"/v1/clients/{planned.clinic.client_id}/thread"
    note = await clinic.progress(planned.session)
    orphans = (await clinic.marsh.get(path)).json["orphans"]
    assert orphans["notes_without_goal"] == [note] and orphans["goals_without_note"] == [planned.goal]
    assert [o["words"] for o in orphans["problems_without_goal"]] == ["Keeps away from friends."]
    does = (await clinic.marsh.post(f"/v1/goals/{planned.goal}/interventions", {"what": "Sleep restriction"})).id
    assert (await clinic.marsh.get(path)).json["orphans"]["interventions_without_note"] == [does]
    await clinic.marsh.post(f"/v1/goals/{planned.goal}/notes", {"note_id": note, "intervention_id": does})
    clinic.world.line.asked.clear()
    answer = await clinic.marsh.get(path)
    assert [a.action for a in clinic.asked()] == [Action.SEARCH] and len(answer.entries) == 1
    orphans = answer.json["orphans"]
    assert not any(orphans[name] for name in orphans if name != "problems_without_goal")


async def test_who_may_read_a_plan(planned: Planned) -> None:
    clinic = planned.clinic
    await clinic.stranger.get(f"/v1/plans/{planned.plan}", want=404)
    await clinic.intake.get(f"/v1/plans/{planned.plan}", want=(403, 404))
    other = clinic.rest.as_("zoe", "client", client_id="00000000-0000-4000-8000-000000000001")
    await other.get(f"/v1/plans/{planned.plan}", want=404)
    await other.post(f"/v1/goals/{planned.goal}/agreements", {"party": "client", "agrees": True}, want=404)
    await clinic.stranger.get(f"/v1/clients/{clinic.client_id}/thread", want=404)

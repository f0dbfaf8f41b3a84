"""What follows by itself: a measure after a session, a prompt after a rating, forgetting after an erasure."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.alliance_measurement.bootstrap import AllianceMeasurement
from services.alliance_measurement.courses.application.worker import AssessmentWorker
from tests.integration.alliance_measurement.clinic import STRAINED_AND_REPAIRED, Clinic, World, eventually


async def rows(world: World, sql: str, *args: Any, database: str = "alliance_measurement") -> list[Any]:
    """As somebody with the whole database in hand sees it."""
    connection = await asyncpg.connect(world.admin_dsn, database=world.prefix + database)
    try:
        return list(await connection.fetch(sql, *args))
    finally:
        await connection.close()


async def prompts(clinic: Clinic) -> list[Any]:
    sql = "SELECT data FROM events WHERE tenant_id = $1 AND type = 'alliance.prompt-prepared' ORDER BY position"
    return await rows(clinic.world, sql, clinic.tenant)


async def waiting(clinic: Clinic) -> list[str]:
    read = await clinic.done("GET", f"/v1/clients/{clinic.client_id}/next-session", "therapist")
    return [p["kind"] for p in read["prompts"]]


async def session(clinic: Clinic) -> str:
    start = datetime.now(UTC) - timedelta(hours=2)
    body = {
        "client_id": clinic.client_id,
        "therapist_id": f"therapist.{clinic.tenant}",
        "started_at": start.isoformat(),
        "ended_at": (start + timedelta(minutes=50)).isoformat(),
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
    }
    return str((await clinic.done("POST", "/v1/sessions", "therapist", body))["id"])


async def test_a_session_held_calls_for_the_clients_measure_of_it(rated_clinic: Clinic) -> None:
    held = await session(rated_clinic)
    path = f"/v1/administrations?client_id={rated_clinic.client_id}"

    async def scheduled() -> Any:
        return (await rated_clinic.done("GET", path, "client"))["items"]

    (asked,) = await eventually(scheduled)
    assert (asked["instrument"], asked["rater"], asked["status"], asked["session_id"]) == ("wai-sr", "client", "open", held)
    await asyncio.sleep(0.2)
    assert len(await scheduled()) == 1


async def test_a_prompt_waits_for_the_next_session_within_a_second(rated_clinic: Clinic) -> None:
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:6])
    assert await waiting(rated_clinic) == []
    await rated_clinic.rate(STRAINED_AND_REPAIRED[6:7])

    async def strain() -> bool:
        return await waiting(rated_clinic) == ["strain"]

    async def repaired() -> bool:
        return await waiting(rated_clinic) == ["repaired"]

    assert await eventually(strain, 1.0)
    await rated_clinic.rate(STRAINED_AND_REPAIRED[7:9])
    assert await eventually(repaired, 1.0)


async def test_every_rating_brings_one_prompt_of_one_size_and_withheld_changes_nothing(rated_clinic: Clinic) -> None:
    await rated_clinic.release(therapist="withheld")
    await rated_clinic.rate(STRAINED_AND_REPAIRED)

    async def all_there() -> bool:
        return len(await prompts(rated_clinic)) == len(STRAINED_AND_REPAIRED)

    assert await eventually(all_there)
    bodies = {len(r["data"].split(b'"ct":"')[1].split(b'"')[0]) for r in await prompts(rated_clinic)}
    assert len(bodies) == 1
    assert await waiting(rated_clinic) == []
    assert await rows(rated_clinic.world, "SELECT 1 FROM assessment_due WHERE tenant_id = $1", rated_clinic.tenant) == []


async def test_a_symptom_measure_brings_no_prompt(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask("who-5")
    await rated_clinic.done("POST", f"/v1/administrations/{asked['id']}/responses", "client", {"answers": {"1": 3}})
    await asyncio.sleep(0.2)
    assert await prompts(rated_clinic) == []


async def test_an_alliance_measure_without_constants_still_brings_its_prompt(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask("srs")
    answers = {"answers": dict.fromkeys("1234", 9.5)}
    await rated_clinic.done("POST", f"/v1/administrations/{asked['id']}/responses", "client", answers)

    async def one() -> bool:
        return len(await prompts(rated_clinic)) == 1

    assert await eventually(one)
    course = (await rated_clinic.alliance("therapist", "srs")).body
    assert (course["series"][0]["scores"], course["episodes"]) == ({"total": 38}, [])
    assert "no constants" in course["notes"][0]


async def test_what_a_crash_left_due_is_done_at_the_next_start(rated_clinic: Clinic) -> None:
    (alliance,) = [s for s in rated_clinic.world.running.services if isinstance(s, AllianceMeasurement)]
    tasks = alliance._background._tasks
    running = tasks[-1]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:7])
    due = "SELECT 1 FROM assessment_due WHERE tenant_id = $1"
    assert len(await rows(rated_clinic.world, due, rated_clinic.tenant)) == 7
    assert await prompts(rated_clinic) == []
    # nothing is left in memory: all that is known is what the tables hold
    fresh = AssessmentWorker(alliance._worker._index, alliance._worker._every, alliance._worker._detection)
    tasks[-1] = asyncio.create_task(alliance._worker.run())
    catching_up = asyncio.create_task(fresh.run())

    async def done() -> bool:
        return await rows(rated_clinic.world, due, rated_clinic.tenant) == []

    assert await eventually(done, 10.0)
    catching_up.cancel()
    with suppress(asyncio.CancelledError):
        await catching_up
    # two workers at once, as two replicas would: one prompt a rating all the same
    assert len(await prompts(rated_clinic)) == 7
    assert await waiting(rated_clinic) == ["strain"]


async def test_no_answer_and_no_score_stands_in_the_database(rated_clinic: Clinic) -> None:
    await rated_clinic.rate((53,))
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    await rated_clinic.done("POST", path, "therapist", {"measure": "canary-scale", "date": "2025-03-01", "score": 731.25})
    tables = await rows(
        rated_clinic.world, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    lines = [
        line
        for (table,) in tables
        for (line,) in await rows(rated_clinic.world, f"SELECT t::text FROM {table} t")  # noqa: S608
    ]

    def found(word: str) -> bool:
        return any(word in line or word.encode().hex() in line for line in lines)

    assert found("wai-sr") and found(rated_clinic.client_id)
    for word in ("canary-scale", "731.25", "2025-03-01", '"total"', '"answers":{"1"'):
        assert not found(word), word


async def test_every_event_stands_under_an_entry_that_allowed_it(rated_clinic: Clinic) -> None:
    await session(rated_clinic)
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:2])
    await rated_clinic.release(therapist="delayed")
    await rated_clinic.release(therapist="immediate")
    await rated_clinic.done(
        "POST", f"/v1/clients/{rated_clinic.client_id}/outcomes", "therapist", {"measure": "ors", "score": 20}
    )
    sql = "SELECT count(*) AS n FROM events WHERE tenant_id = $1"
    receipts = "SELECT event_type, fault FROM receipt WHERE tenant_id = $1 AND service = 'alliance_measurement'"

    async def accounted() -> bool:
        (written,) = await rows(rated_clinic.world, sql, rated_clinic.tenant)
        found = await rows(rated_clinic.world, receipts, rated_clinic.tenant, database="audit_log")
        return len(found) == int(written["n"]) == 10

    assert await eventually(accounted)
    found = await rows(rated_clinic.world, receipts, rated_clinic.tenant, database="audit_log")
    assert [r["fault"] for r in found if r["fault"]] == []


async def test_erased_measures_read_as_typed_placeholders(rated_clinic: Clinic) -> None:
    ids = await rated_clinic.rate(STRAINED_AND_REPAIRED[:7])
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    key = {"Idempotency-Key": "before-erasure"}
    await rated_clinic.call("POST", path, "therapist", {"measure": "ors", "score": 20}, headers=key)
    erasure = {"client_id": rated_clinic.client_id, "key_classes": ["measures"], "basis": "GDPR 17(1)(b)"}
    asked = await rated_clinic.done("POST", "/v1/erasures", "compliance_officer", erasure)
    await rated_clinic.done("POST", f"/v1/erasures/{asked['id']}/approvals", "second_officer")

    async def state() -> Any:
        return await rated_clinic.done("GET", f"/v1/erasures/{asked['id']}", "compliance_officer")

    async def completed() -> bool:
        return bool((await state())["status"] == "completed")

    assert await eventually(completed, 10.0), await state()
    read = await rated_clinic.done("GET", f"/v1/administrations/{ids[0]}", "client")
    assert (read["status"], read["erased"], read["answers"], read["scores"]) == ("erased", True, {}, {})
    listed = await rated_clinic.done("GET", f"/v1/administrations?client_id={rated_clinic.client_id}", "client")
    assert {i["status"] for i in listed["items"]} == {"erased"}
    outcome = (await rated_clinic.done("GET", path, "therapist"))["items"][0]
    assert (outcome["erased"], outcome["measure"], outcome["score"]) == (True, None, None)
    of_that_measure = await rated_clinic.done("GET", f"{path}?measure=ors", "therapist")
    assert of_that_measure["items"] == [outcome], "which measure it was of is erased as well"
    course = (await rated_clinic.alliance("client")).body
    assert (course["released"], course["episodes"]) == (True, [])
    assert [(p["administration"], p["status"], p["scores"]) for p in course["series"]] == [(i, "erased", {}) for i in ids]
    client = UUID(rated_clinic.client_id)
    for table in ("idempotency", "assessment_due"):
        assert await rows(rated_clinic.world, f"SELECT 1 FROM {table} WHERE client_id = $1", client) == []  # noqa: S608

"""An answer to a critical item reaches a named person, over the real servers."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from starlette.applications import Starlette
from starlette.routing import Route as Path

from services.alliance_measurement.bootstrap import AllianceMeasurement
from services.audit_log.bootstrap import AuditLogService
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.routes_out.adapters.routes_file import parse_routes
from services.audit_log.routes_out.application.routes import Routes
from shared.eventstore.model import Statement
from shared.identity.roles import Role
from tests.integration.alliance_measurement.clinic import Answered, Clinic, answers_of, eventually
from tests.integration.gate.test_routes_out import Receiver
from tests.support.http import serving
from tests.support.waiting import until

DANGER = {"answers": {str(i): 0 for i in range(1, 9)} | {"9": 3}}
CALM = {"answers": {str(i): 3 for i in range(1, 9)} | {"9": 0}}
SETTINGS = "/v1/risk-settings"


def alliance(clinic: Clinic) -> AllianceMeasurement:
    return next(s for s in clinic.world.running.services if isinstance(s, AllianceMeasurement))


def gate(clinic: Clinic) -> AuditLogService:
    return next(s for s in clinic.world.running.services if isinstance(s, AuditLogService))


async def send(clinic: Clinic, body: Any = DANGER, instrument: str = "phq-9") -> Answered:
    asked = await clinic.ask(instrument)
    return await clinic.call("POST", f"/v1/administrations/{asked['id']}/responses", "client", body)


async def answered(clinic: Clinic, body: Any = DANGER, instrument: str = "phq-9") -> Any:
    answer = await send(clinic, body, instrument)
    assert answer.status == 201, answer.body
    return answer.body


async def alerts(clinic: Clinic, who: str) -> list[Any]:
    found: list[Any] = (await clinic.done("GET", "/v1/risk-alerts", who))["items"]
    return found


async def alarms(clinic: Clinic, reason: str) -> list[Any]:
    body = await clinic.done("GET", "/v1/audit/alarms", "compliance_officer")
    return [a for a in body["items"] if a["reason"] == reason]


async def alarmed(clinic: Clinic, reason: str) -> Any:
    (found,) = await eventually(lambda: alarms(clinic, reason), seconds=5)
    return found


async def pass_the_time(clinic: Clinic) -> None:
    """What is due in some minutes is due now; the timer that runs in the service does the rest."""
    now = Statement("UPDATE risk_due SET next_at = $2 WHERE tenant_id = $1", (clinic.tenant, datetime.now(UTC)))
    await alliance(clinic)._store.append(clinic.tenant, (), statements=(now,))


async def on_call(clinic: Clinic, *subs: str, **more: Any) -> Any:
    return await clinic.done("PUT", SETTINGS, "supervisor", {"on_call": list(subs), **more})


async def test_the_promise_is_read_first_and_kept_at_once(rated_clinic: Clinic) -> None:
    said = {"jurisdiction": "XX", "setting": "outpatient", "text": "Call the duty desk.", "source": "the practice's own plan"}
    await on_call(rated_clinic, f"stranger.{rated_clinic.tenant}", what_now=[said], escalate_after_minutes=7)
    asked = await rated_clinic.ask("phq-9")
    path = f"/v1/administrations/{asked['id']}"
    notice = (await rated_clinic.done("GET", path, "client"))["risk_notice"]
    assert notice["items"] == [9] and notice["what_now"] == [said] and "does not cover" in notice["text"]
    assert notice["told_in_this_order"][0] == "a clinician on call" and "7 minutes" in notice["when"]
    body = await rated_clinic.done("POST", f"{path}/responses", "client", DANGER)
    assert body["what_now"] == [said] and "7 minutes" in body["who_sees_it"]
    assert "what_now" not in await answered(rated_clinic, CALM), "told of a critical item alone, whatever the total"
    asked = await rated_clinic.ask("wai-sr")
    assert "risk_notice" not in await rated_clinic.done("GET", f"/v1/administrations/{asked['id']}", "client")


async def test_a_repeat_under_the_same_key_is_told_the_same_and_alarms_once(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask("phq-9")
    path, key = f"/v1/administrations/{asked['id']}/responses", {"Idempotency-Key": str(uuid4())}
    first = await rated_clinic.call("POST", path, "client", DANGER, headers=key)
    again = await rated_clinic.call("POST", path, "client", DANGER, headers=key)
    assert first.status == again.status == 201 and first.body == again.body and first.body["what_now"]
    assert len(await alerts(rated_clinic, "therapist")) == 1


async def test_a_skipped_risk_item_is_shown_as_skipped(rated_clinic: Clinic) -> None:
    skipping = {"answers": {str(i): 1 for i in range(1, 11) if i != 6}}
    body = await answered(rated_clinic, skipping, "core-10")
    assert body["risk_items_skipped"] == [6] and body["scores"]["total"] is None and body["prorated"] == []
    listed = await rated_clinic.done("GET", f"/v1/administrations?client_id={rated_clinic.client_id}", "therapist")
    assert listed["items"][0]["risk_items_skipped"] == [6]
    assert not await alerts(rated_clinic, "therapist")


async def test_nobody_on_call_is_the_therapist_of_the_client_within_five_seconds(rated_clinic: Clinic) -> None:
    body = await answered(rated_clinic)
    alarm = await alarmed(rated_clinic, "risk-alert-raised")
    assert f"to:therapist.{rated_clinic.tenant}" in alarm["basis"] and alarm["client_id"] is None
    assert alarm["detail"].keys() == {"raised_at", "late_by_seconds"} and alarm["detail"]["late_by_seconds"] < 5
    (alert,) = await alerts(rated_clinic, "therapist")
    assert alert["administration"] == body["id"] and alert["items"] == [{"item": 9, "answer": 3, "loinc": "44260-8"}]
    assert alert["late_by_seconds"] < 5 and alert["delivered_at"] >= alert["raised_at"]
    again = (await alerts(rated_clinic, "therapist"))[0]
    assert again["delivered_at"] == alert["delivered_at"], "delivered is when it was seen first"
    for who in ("supervisor", "stranger", "administrator", "intake", "compliance_officer"):
        assert not await alerts(rated_clinic, who)


async def test_release_choices_do_not_cover_a_risk(rated_clinic: Clinic) -> None:
    await rated_clinic.release(therapist="withheld")
    await answered(rated_clinic)
    assert len(await alerts(rated_clinic, "therapist")) == 1


async def test_who_is_on_call_opens_the_alert_and_nothing_else(rated_clinic: Clinic) -> None:
    await on_call(rated_clinic, f"stranger.{rated_clinic.tenant}")
    body = await answered(rated_clinic)
    (alert,) = await alerts(rated_clinic, "stranger")
    assert not await alerts(rated_clinic, "therapist")
    path = f"/v1/risk-alerts/{alert['id']}/acknowledgements"
    assert (await rated_clinic.call("GET", f"/v1/administrations/{body['id']}", "stranger")).status == 404
    assert (await rated_clinic.call("POST", path, "intake", {})).status == 404
    assert (await rated_clinic.call("POST", path, "therapist", {})).status == 403
    note = "Spoke by telephone; safe tonight."
    done = await rated_clinic.call("POST", path, "stranger", {"note": note})
    assert done.status == 201 and done.body["status"] == "acknowledged" and note not in str(done.body)
    assert (await rated_clinic.call("POST", path, "stranger", {})).status == 409
    assert (await alerts(rated_clinic, "stranger"))[0]["status"] == "acknowledged"
    assert (await rated_clinic.call("POST", f"/v1/risk-alerts/{uuid4()}/acknowledgements", "stranger", {})).status == 404


async def test_without_acknowledgement_it_goes_on_and_at_last_to_the_officer(rated_clinic: Clinic) -> None:
    await on_call(rated_clinic, f"stranger.{rated_clinic.tenant}")
    await answered(rated_clinic)
    for who in ("therapist", "supervisor"):
        await pass_the_time(rated_clinic)
        (alert,) = await eventually(lambda who=who: alerts(rated_clinic, who), seconds=5)
        assert alert["because"] == "escalated" and alert["items"][0]["answer"] == 3
    assert len(await alarms(rated_clinic, "risk-alert-escalated")) == 2
    await pass_the_time(rated_clinic)
    officer = await alarmed(rated_clinic, "risk-alert-unacknowledged")
    assert "to:compliance_officer" in officer["basis"]
    await rated_clinic.done("POST", f"/v1/risk-alerts/{alert['id']}/acknowledgements", "supervisor", {})
    assert (await alerts(rated_clinic, "stranger"))[0]["status"] == "acknowledged", "one acknowledgement settles the case"


async def test_an_acknowledgement_stops_the_timer(rated_clinic: Clinic) -> None:
    await answered(rated_clinic)
    (alert,) = await alerts(rated_clinic, "therapist")
    await rated_clinic.done("POST", f"/v1/risk-alerts/{alert['id']}/acknowledgements", "therapist", {})
    await pass_the_time(rated_clinic)
    await alliance(rated_clinic)._risks.look(rated_clinic.tenant)
    assert not await alerts(rated_clinic, "supervisor")


async def test_a_hand_over_alarms_the_next_and_keeps_the_case_open(rated_clinic: Clinic) -> None:
    await answered(rated_clinic)
    (alert,) = await alerts(rated_clinic, "therapist")
    path, to = f"/v1/risk-alerts/{alert['id']}/handovers", f"stranger.{rated_clinic.tenant}"
    reason = "I leave the house for an hour."
    done = await rated_clinic.done("POST", path, "therapist", {"to": to, "reason": reason})
    (theirs,) = await alerts(rated_clinic, "stranger")
    assert theirs["id"] == done["alert"] and theirs["because"] == "handed_over" and theirs["status"] == "open"
    alarm = await alarmed(rated_clinic, "risk-alert-handed-over")
    assert f"to:{to}" in alarm["basis"] and reason not in str(alarm)
    again = await rated_clinic.call("POST", path, "therapist", {"to": to, "reason": reason})
    assert again.status == 422 and again.body["errors"][0]["pointer"] == "/to"


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.REPRESENTATIVE])
async def test_who_reads_and_chooses_the_settings(rated_clinic: Clinic, role: Role) -> None:
    expected = 200 if role in (Role.SUPERVISOR, Role.ADMINISTRATOR) else 403
    assert (await rated_clinic.call("GET", SETTINGS, str(role))).status == expected
    assert (await rated_clinic.call("PUT", SETTINGS, str(role), {"on_call": []})).status == expected


async def test_settings_say_what_is_wrong_with_them(rated_clinic: Clinic) -> None:
    body = {"on_call": [""], "escalate_after_minutes": 0, "what_now": [{"text": "Call."}]}
    answer = await rated_clinic.call("PUT", SETTINGS, "administrator", body)
    pointers = {e["pointer"] for e in answer.body["errors"]}
    assert answer.status == 422
    assert {"/on_call/0", "/escalate_after_minutes", "/what_now/0/source"} <= pointers


async def test_the_gate_away_says_whom_to_call_and_writes_nothing(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask("phq-9")
    path, key = f"/v1/administrations/{asked['id']}/responses", {"Idempotency-Key": str(uuid4())}
    await gate(rated_clinic)._ledger.close()
    try:
        away = await rated_clinic.call("POST", path, "client", CALM, headers=key)
    finally:
        await gate(rated_clinic)._ledger.open()
    assert away.status == 503 and "emergency number" in away.body["detail"], "whatever was answered"
    sent = await rated_clinic.call("POST", path, "client", DANGER)
    assert sent.status == 201 and len(await alerts(rated_clinic, "therapist")) == 1


async def test_messages_that_wait_arrive_later_and_the_lateness_shows(rated_clinic: Clinic) -> None:
    """The way to the ledger stands still: another process leads the relay and sends nothing. The clinician looks late as well."""
    outbox = alliance(rated_clinic)._background._outbox
    standstill = await asyncpg.connect(outbox._url)
    try:
        leads = asyncio.create_task(standstill.execute("SELECT pg_advisory_lock($1::int, $2::int)", *outbox._lock))

        async def waits() -> bool:
            return bool(await outbox.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0)

        await until(waits)
        await outbox.close()
        await leads
        await answered(rated_clinic)
        start = datetime.now(UTC)

        async def late() -> bool:
            return (datetime.now(UTC) - start).total_seconds() > 1.1

        await until(late)
        assert not await alarms(rated_clinic, "risk-alert-raised")
    finally:
        await standstill.close()
    alarm = await alarmed_late(rated_clinic)
    assert alarm["detail"]["late_by_seconds"] >= 1
    (alert,) = await alerts(rated_clinic, "therapist")
    assert alert["late_by_seconds"] >= 1


async def alarmed_late(clinic: Clinic) -> Any:
    (found,) = await eventually(lambda: alarms(clinic, "risk-alert-raised"), seconds=15)
    return found


async def test_a_receiver_away_gets_it_later_with_ids_alone(rated_clinic: Clinic) -> None:
    """By the ledger's own routes: first the receiver is away, then it takes what waited."""
    await answered(rated_clinic)
    await alarmed(rated_clinic, "risk-alert-raised")
    made, own = Receiver(refuse=1), gate(rated_clinic).care.routes
    async with serving(Starlette(routes=[Path("/in", made.take, methods=["POST"])])) as base:
        to = {"name": "on-call", "kinds": ["alarm"], "reasons": ["risk-*"], "to": {"webhook": f"{base}/in"}, "from": "beginning"}
        routes = Routes(
            parse_routes(json.dumps([to]), "ledger.example"), own._ledger, own._places, lambda: [rated_clinic.tenant], now=_now
        )
        await routes._serve(routes._routes[0])
        (standing,) = await routes.standings(rated_clinic.tenant)
        assert standing.fault == "it answered 503"

        async def arrived() -> bool:
            await routes._serve(routes._routes[0])
            return bool(made.bodies)

        await until(arrived)
    (row,) = json.loads(made.bodies[0])["entries"]
    assert row["reason"] == "risk-alert-raised" and f"to:therapist.{rated_clinic.tenant}" in row["basis"]
    assert UUID(row["records"].split(":")[1]) and rated_clinic.client_id not in str(row)
    assert not {"phq-9", "44260-8", "answer"} & set(str(row).split())
    (fed,) = await gate(rated_clinic)._ledger.search(rated_clinic.tenant, Filters(actions=("feed-entries",)))
    assert fed.entry.detail["late_by_seconds"] >= 2


def _now() -> datetime:
    return datetime.now(UTC)


async def test_the_columbia_screener_alarms_by_its_rule(rated_clinic: Clinic) -> None:
    body = await answered(rated_clinic, {"answers": {"1": 1, "2": 1, "3": 0, "4": 1, "5": 0, "6": 0}}, "cssrs-screener")
    assert body["scores"] == {"total": 3} and body["missing"] == [] and body["what_now"]
    (alert,) = await alerts(rated_clinic, "therapist")
    assert [i["item"] for i in alert["items"]] == [1, 2, 4]
    calm = await answered(rated_clinic, {"answers": {"1": 0, "2": 0, "6": 0}}, "cssrs-screener")
    assert calm["scores"] == {"total": 0} and calm["missing"] == [] and "what_now" not in calm


async def test_an_alliance_rating_alarms_nobody(rated_clinic: Clinic) -> None:
    await answered(rated_clinic, {"answers": answers_of(12)}, "wai-sr")
    assert not await alerts(rated_clinic, "therapist")

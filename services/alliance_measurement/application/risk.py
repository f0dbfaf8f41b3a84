"""Risk alerts: raised with the answer, listed, acknowledged, handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

from services.alliance_measurement.application.jobs import RISK_ALARM, ask_as_job, job_meta
from services.alliance_measurement.application.pages import Page
from services.alliance_measurement.application.ports import Desk
from services.alliance_measurement.application.risk_ports import AlertRow, risk_stream
from services.alliance_measurement.domain.instrument import Instrument
from services.alliance_measurement.domain.risk import (
    Because,
    RiskAlertAcknowledged,
    RiskAlertDelivered,
    RiskAlertHandedOver,
    RiskAlertRaised,
    RiskSettings,
    body_of,
    chain,
    following,
    late_by,
    reached,
    what_now,
)
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.risk import RISK_TOLD, RiskTold, RiskToldMessage
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import Publication, Statement, StreamAppend, VersionConflict
from shared.gate.ask import Opened, ask, missed, open_one, opened
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, conflict, forbidden, invalid, unavailable
from shared.http.showing import load_each
from shared.http.showing import shown as shown_record
from shared.identity.roles import Role
from shared.sealing.field import Sealed
from shared.service.record import WriteMeta, client_key, record_event, write_meta

MAY_SET: Final = frozenset({Role.ADMINISTRATOR, Role.SUPERVISOR})
"""roles that read and choose the risk settings of their tenant"""


@dataclass(frozen=True, slots=True)
class Raised:
    """What is appended with the answer, and what the client is told at once."""

    append: StreamAppend
    statements: tuple[Statement, ...]


def shown_now(settings: RiskSettings, instrument: Instrument, answers: Mapping[int, float]) -> dict[str, Any]:
    """For the answer to a client who answered a critical item: `what_now`, and who will see it by when. Else nothing."""
    if not reached(instrument, answers):
        return {}
    told = (
        "Your answer is told now to a named clinician; where none is named, the compliance officer of the practice learns of it. "
        f"The next person is told after {settings.escalate_after_minutes} minutes, unless somebody has said that they saw it."
    )
    return {"what_now": what_now(settings), "who_sees_it": told}


async def raise_with_answer(
    desk: Desk,
    tenant: str,
    settings: RiskSettings,
    instrument: Instrument,
    answers: Mapping[int, float],
    *,
    administration_id: UUID,
    client_id: UUID,
    at: datetime,
) -> Raised | None:
    """The alert to the first person, for the answer's own transaction. None where no critical item was reached. Problem 503 where
    the gate gives no key for it: then the answer is not written either."""
    items = reached(instrument, answers)
    if not items:
        return None
    order = chain(items, settings, await desk.risks.care_team(tenant, client_id, at))
    body = body_of(instrument.id, items, answers)
    event, new, statements = await _alert(
        desk,
        tenant,
        settings,
        administration_id=administration_id,
        client_id=client_id,
        addressee=following(order, ()),
        because=Because.ANSWERED,
        raised_at=at,
        body=body,
    )
    return Raised(StreamAppend(risk_stream(event.administration_id), 0, [new]), statements)


async def escalate(desk: Desk, tenant: str, administration_id: UUID) -> None:
    """Tells the next person of a case, or the compliance officer where nobody is left. Raises where it should be tried again."""
    stream = risk_stream(administration_id)
    version = await desk.store.version(tenant, stream)
    told = await desk.risks.of_case(tenant, administration_id)
    first, settled = told[0], desk.risks.settled_row(tenant, administration_id)
    if first.acknowledged_at is not None:
        await desk.store.append(tenant, (), statements=(settled,))
        return
    request_id = f"risk-{administration_id}"
    opened_ = await ask_as_job(desk.gate, RISK_ALARM, Action.COMPUTE, [first.ref], tenant=tenant, request_id=request_id)
    if opened_.erased(first.id) or not opened_.permitted(first.id):
        await desk.store.append(tenant, (), statements=(settled,))
        return
    body = (await desk.risks.bodies(tenant, [first]))[first.id].body.open(opened_.key(first.id))
    settings = await desk.risks.settings(tenant)
    addressee = await _next(desk, tenant, first, body, settings, [row.addressee for row in told])
    _, new, statements = await _alert(
        desk,
        tenant,
        settings,
        administration_id=administration_id,
        client_id=first.client_id,
        addressee=addressee,
        because=Because.ESCALATED,
        raised_at=first.raised_at,
        body=body,
    )
    try:
        await desk.store.append(tenant, [StreamAppend(stream, version, [new])], statements=statements)
    except VersionConflict:  # another replica was first, or somebody acknowledged: the row of what is due says what is left
        return


async def _next(
    desk: Desk, tenant: str, first: AlertRow, body: Mapping[str, Any], settings: RiskSettings, told: Sequence[str | None]
) -> str | None:
    entry = desk.catalogue.entry(body["instrument"])
    answered = {item["item"] for item in body["items"]}
    known = entry.instrument.critical_items if entry is not None and entry.instrument is not None else ()
    items = [c for c in known if c.item in answered]
    team = await desk.risks.care_team(tenant, first.client_id, desk.parts.now())
    return following(chain(items, settings, team), told)


async def _alert(
    desk: Desk,
    tenant: str,
    settings: RiskSettings,
    *,
    administration_id: UUID,
    client_id: UUID,
    addressee: str | None,
    because: Because,
    raised_at: datetime,
    body: dict[str, Any],
) -> tuple[RiskAlertRaised, Any, tuple[Statement, ...]]:
    """One alert to one person: its event, sealed, and the rows of it. Nothing is written yet."""
    alert_id, now = desk.parts.new_id(), desk.parts.now()
    ref = RecordRef(record_id=str(alert_id), client_id=str(client_id), record_type=RecordType.RISK_ALERT, author=addressee)
    request_id = f"risk-{administration_id}"
    made = await ask_as_job(desk.gate, RISK_ALARM, Action.CREATE, [ref], tenant=tenant, request_id=request_id)
    if not made.permitted(alert_id):
        raise unavailable("The alarm that belongs to this answer cannot be written just now: nothing was written. Send it again.")
    event = RiskAlertRaised(
        client_id=client_id,
        alert_id=alert_id,
        administration_id=administration_id,
        addressee=addressee,
        because=because,
        raised_at=raised_at,
        at=now,
        body=Sealed(body),
    )
    new = record_event(
        event,
        parts=desk.parts,
        call_meta=job_meta(RISK_ALARM, tenant, made, request_id),
        key=made.key(alert_id),
        publish=[_told(desk, tenant, event)],
    )
    due = (
        (desk.risks.settled_row(tenant, administration_id),)
        if addressee is None
        else desk.risks.due_rows(tenant, administration_id, client_id, now + settings.escalate_after)
    )
    return event, new, (*desk.index.rows_of(tenant, event), *due)


_TOLD: Final = {
    Because.ANSWERED: RiskTold.RAISED,
    Because.ESCALATED: RiskTold.ESCALATED,
    Because.HANDED_OVER: RiskTold.HANDED_OVER,
}


def _told(desk: Desk, tenant: str, event: RiskAlertRaised) -> Publication:
    """For the ledger: an alarm, in the transaction of the alert."""
    what = _TOLD[event.because] if event.addressee is not None else RiskTold.UNACKNOWLEDGED
    message = RiskToldMessage(
        service=str(desk.parts.signer.service),
        alert_id=event.alert_id,
        what=what,
        addressee=event.addressee,
        raised_at=event.raised_at,
        at=event.at,
    )
    return Publication(
        RECEIPTS,
        client_key(tenant, event.client_id),
        type=RISK_TOLD,
        payload=message.model_dump_json().encode(),
        event_id=uuid5(event.alert_id, RISK_TOLD),
    )


async def list_alerts(desk: Desk, call: Call, *, start: int | None, limit: int) -> Page:
    """The alerts addressed to the caller, newest first. The first look is their delivery."""
    rows = await desk.risks.alerts_to(call.tenant, call.principal.sub, start, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    if not rows:
        return Page([], None, ())
    found = opened(await ask(desk.gate, call, Action.SEARCH, [row.ref for row in rows]))
    shown = [row for row in rows if found.permitted(row.id)]
    now = desk.parts.now()
    await _delivered(desk, call.tenant, [row for row in shown if row.delivered_at is None], now)
    bodies = await alert_bodies(desk, call.tenant, [row for row in shown if not found.erased(row.id)])
    delivered = [replace(row, delivered_at=row.delivered_at or now) for row in shown]
    items = [shown_record(row.id, partial(alert_view, row, bodies, found)) for row in delivered]
    return Page(items, rows[-1].ord if more else None, found.entries)


async def _delivered(desk: Desk, tenant: str, rows: Sequence[AlertRow], now: datetime) -> None:
    """Writes down that their addressee saw them. The entry of the look is the search's own."""
    for row in rows:
        event = RiskAlertDelivered(client_id=row.client_id, alert_id=row.id, administration_id=row.administration_id, at=now)
        meta = WriteMeta(tenant, f"service:{desk.parts.signer.service}", "service", None, f"risk-{row.administration_id}")
        new = record_event(event, parts=desk.parts, call_meta=meta, key=None)
        stream = StreamAppend(risk_stream(row.administration_id), None, [new])
        await desk.store.append(tenant, [stream], statements=desk.index.rows_of(tenant, event))


async def alert_bodies(desk: Desk, tenant: str, rows: Sequence[AlertRow]) -> dict[UUID, RiskAlertRaised]:
    """Closed events by alert, without those that are stored in a form that cannot be read."""

    async def some(part: Sequence[AlertRow]) -> dict[UUID, RiskAlertRaised]:
        return await desk.risks.bodies(tenant, part)

    return await load_each(rows, some, lambda row: row.id)


def alert_view(row: AlertRow, events: Mapping[UUID, RiskAlertRaised], found: Opened) -> dict[str, Any]:
    """An alert that was released; without its items where it was erased."""
    delivered = row.delivered_at
    view: dict[str, Any] = {
        "id": str(row.id),
        "client_id": str(row.client_id),
        "administration": str(row.administration_id),
        "because": row.because,
        "status": "open" if row.acknowledged_at is None else "acknowledged",
        "raised_at": row.raised_at.isoformat(),
        "alarmed_at": row.at.isoformat(),
        "delivered_at": delivered.isoformat() if delivered is not None else None,
        "late_by_seconds": late_by(row.raised_at, delivered) if delivered is not None else None,
        "acknowledged_at": row.acknowledged_at.isoformat() if row.acknowledged_at is not None else None,
    }
    if found.erased(row.id):
        return view | {"status": "erased", "erased": True, "items": []}
    return view | events[row.id].body.open(found.key(row.id))


async def acknowledge(desk: Desk, call: Call, alert_id: UUID, note: str | None, repeat: Repeat) -> tuple[Answer, Opened]:
    """Settles the case: nobody else is told. 409 where it was settled before."""
    row, found = await _addressed(desk, call, alert_id)
    now = desk.parts.now()
    event = RiskAlertAcknowledged(
        client_id=row.client_id,
        alert_id=alert_id,
        administration_id=row.administration_id,
        by=call.principal.sub,
        at=now,
        note=Sealed(note),
    )
    answer = Answer(
        201,
        {
            "id": str(alert_id),
            "status": "acknowledged",
            "acknowledged_at": now.isoformat(),
            "late_by_seconds": late_by(row.raised_at, now),
        },
    )
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, found), key=found.key(alert_id))
    await desk.store.append(
        call.tenant,
        [StreamAppend(risk_stream(row.administration_id), None, [new])],
        statements=(
            *desk.index.rows_of(call.tenant, event),
            desk.risks.settled_row(call.tenant, row.administration_id),
            *repeat.statements(answer, row.client_id),
        ),
    )
    return answer, found


async def hand_over(desk: Desk, call: Call, alert_id: UUID, to: str, reason: str, repeat: Repeat) -> tuple[Answer, Opened]:
    """Tells another person, with a new alert to them. The case stays open until somebody acknowledges."""
    row, found = await _addressed(desk, call, alert_id)
    if to in [told.addressee for told in await desk.risks.of_case(call.tenant, row.administration_id)]:
        raise invalid([Fault("/to", "was told already: name somebody else")])
    version = await desk.store.version(call.tenant, risk_stream(row.administration_id))
    body = (await desk.risks.bodies(call.tenant, [row]))[row.id].body.open(found.key(row.id))
    handed = RiskAlertHandedOver(
        client_id=row.client_id,
        alert_id=alert_id,
        administration_id=row.administration_id,
        by=call.principal.sub,
        addressee=to,
        at=desk.parts.now(),
        reason=Sealed(reason),
    )
    event, raised, statements = await _alert(
        desk,
        call.tenant,
        await desk.risks.settings(call.tenant),
        administration_id=row.administration_id,
        client_id=row.client_id,
        addressee=to,
        because=Because.HANDED_OVER,
        raised_at=row.raised_at,
        body=body,
    )
    said = record_event(handed, parts=desk.parts, call_meta=write_meta(call, found), key=found.key(alert_id))
    answer = Answer(201, {"id": str(alert_id), "status": "handed_over", "alert": str(event.alert_id), "to": to})
    try:
        await desk.store.append(
            call.tenant,
            [StreamAppend(risk_stream(row.administration_id), version, [said, raised])],
            statements=(*statements, *repeat.statements(answer, row.client_id)),
        )
    except VersionConflict:
        raise conflict("Somebody acknowledged or passed it on at the same time: read GET /v1/risk-alerts again.") from None
    return answer, found


async def _addressed(desk: Desk, call: Call, alert_id: UUID) -> tuple[AlertRow, Opened]:
    """An open alert to the caller. 404 or 403 as the gate decides; 409 where it is settled or erased."""
    row = await desk.risks.alert(call.tenant, alert_id)
    if row is None:
        raise await missed(desk.gate, call, Action.UPDATE)
    found = await open_one(desk.gate, call, Action.UPDATE, row.ref)
    if row.acknowledged_at is not None:
        raise conflict("This alert was acknowledged before: there is nothing left to do.")
    if found.erased(alert_id):
        raise conflict("This record was erased: nothing can be added to it.")
    return row, found


async def read_settings(desk: Desk, call: Call) -> dict[str, Any]:
    """403 for every role that is not in `MAY_SET`."""
    _may_set(call)
    return (await desk.risks.settings(call.tenant)).model_dump(mode="json")


async def choose_settings(desk: Desk, call: Call, settings: RiskSettings) -> dict[str, Any]:
    """Replaces the tenant's settings whole; older ones are kept. 403 for every role that is not in `MAY_SET`."""
    _may_set(call)
    row = desk.risks.settings_row(call.tenant, settings, call.principal.sub, desk.parts.now())
    await desk.store.append(call.tenant, (), statements=(row,))
    return settings.model_dump(mode="json")


def _may_set(call: Call) -> None:
    if call.principal.role not in MAY_SET or len(call.principal.roles) > 1:
        raise forbidden("A supervisor or an administrator reads and chooses who is told of risk.")

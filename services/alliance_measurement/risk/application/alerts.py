"""What the person who is told does with it: sees the alert, acknowledges it, hands it over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from services.alliance_measurement.desk.application.pages import Page
from services.alliance_measurement.risk.application.alarms import new_alert
from services.alliance_measurement.risk.application.ports import AlertRow, RiskDesk, risk_stream
from services.alliance_measurement.risk.domain.risk import (
    Because,
    RiskAlertAcknowledged,
    RiskAlertDelivered,
    RiskAlertHandedOver,
    RiskAlertRaised,
    late_by,
)
from shared.contracts.disclosure import Action
from shared.eventstore.model import StreamAppend, VersionConflict
from shared.gate.ask import Opened, ask, missed, open_one, opened
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, conflict, invalid
from shared.http.showing import load_each
from shared.http.showing import shown as shown_record
from shared.sealing.field import Sealed
from shared.service.record import WriteMeta, record_event, write_meta


async def list_alerts(desk: RiskDesk, call: Call, *, start: int | None, limit: int) -> Page:
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


async def _delivered(desk: RiskDesk, tenant: str, rows: Sequence[AlertRow], now: datetime) -> None:
    """Writes down that their addressee saw them. The entry of the look is the search's own."""
    for row in rows:
        event = RiskAlertDelivered(client_id=row.client_id, alert_id=row.id, administration_id=row.administration_id, at=now)
        meta = WriteMeta(tenant, f"service:{desk.parts.signer.service}", "service", None, f"risk-{row.administration_id}")
        new = record_event(event, parts=desk.parts, call_meta=meta, key=None)
        stream = StreamAppend(risk_stream(row.administration_id), None, [new])
        await desk.store.append(tenant, [stream], statements=desk.risks.rows_of(tenant, event))


async def alert_bodies(desk: RiskDesk, tenant: str, rows: Sequence[AlertRow]) -> dict[UUID, RiskAlertRaised]:
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


async def acknowledge(desk: RiskDesk, call: Call, alert_id: UUID, note: str | None, repeat: Repeat) -> tuple[Answer, Opened]:
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
            *desk.risks.rows_of(call.tenant, event),
            desk.risks.settled_row(call.tenant, row.administration_id),
            *repeat.statements(answer, row.client_id),
        ),
    )
    return answer, found


async def hand_over(desk: RiskDesk, call: Call, alert_id: UUID, to: str, reason: str, repeat: Repeat) -> tuple[Answer, Opened]:
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
    event, raised, statements = await new_alert(
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


async def _addressed(desk: RiskDesk, call: Call, alert_id: UUID) -> tuple[AlertRow, Opened]:
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

"""Who is told of an answer to a critical item: the first person with the answer, and the next one when nobody has seen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from services.alliance_measurement.desk.application.jobs import RISK_ALARM, ask_as_job, job_meta
from services.alliance_measurement.instruments.domain.instrument import Instrument
from services.alliance_measurement.risk.application.ports import AlertRow, RiskDesk, risk_stream
from services.alliance_measurement.risk.domain.risk import (
    Because,
    RiskAlertRaised,
    RiskSettings,
    body_of,
    chain,
    following,
    reached,
    what_now,
)
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import RecordType
from shared.contracts.risk import RISK_TOLD, RiskTold, RiskToldMessage
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import Publication, Statement, StreamAppend, VersionConflict
from shared.http.problems import unavailable
from shared.sealing.field import Sealed
from shared.service.record import client_key, record_event


@dataclass(frozen=True, slots=True)
class Raised:
    """What is appended with the answer, and the rows written with it."""

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
    desk: RiskDesk,
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
    event, new, statements = await new_alert(
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


async def escalate(desk: RiskDesk, tenant: str, administration_id: UUID) -> None:
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
    _, new, statements = await new_alert(
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
    desk: RiskDesk, tenant: str, first: AlertRow, body: Mapping[str, Any], settings: RiskSettings, told: Sequence[str | None]
) -> str | None:
    entry = desk.catalogue.entry(body["instrument"])
    answered = {item["item"] for item in body["items"]}
    known = entry.instrument.critical_items if entry is not None and entry.instrument is not None else ()
    items = [c for c in known if c.item in answered]
    team = await desk.risks.care_team(tenant, first.client_id, desk.parts.now())
    return following(chain(items, settings, team), told)


async def new_alert(
    desk: RiskDesk,
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
        else (desk.risks.due_row(tenant, administration_id, client_id, now + settings.escalate_after), desk.tenants.row(tenant))
    )
    return event, new, (*desk.risks.rows_of(tenant, event), *due)


_TOLD: Final = {
    Because.ANSWERED: RiskTold.RAISED,
    Because.ESCALATED: RiskTold.ESCALATED,
    Because.HANDED_OVER: RiskTold.HANDED_OVER,
}


def _told(desk: RiskDesk, tenant: str, event: RiskAlertRaised) -> Publication:
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

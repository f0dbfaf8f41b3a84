"""Asking for an administration, answering it, reading it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from services.alliance_measurement.administrations.application.links import LinkCall, link_closed, link_digest, link_secret
from services.alliance_measurement.administrations.application.ports import (
    AdministrationDesk,
    AdministrationRow,
    administration_stream,
)
from services.alliance_measurement.administrations.domain import administration
from services.alliance_measurement.administrations.domain.administration import (
    EVENT_TYPES,
    AdministrationAnswered,
    AlreadyAnswered,
    Result,
)
from services.alliance_measurement.desk.application.pages import Page
from services.alliance_measurement.instruments.application.finding import enabled_instrument
from services.alliance_measurement.instruments.domain.instrument import Instrument, Rater
from services.alliance_measurement.instruments.domain.scoring import InvalidAnswers
from services.alliance_measurement.risk.application.alarms import raise_with_answer, shown_now
from services.alliance_measurement.risk.domain.risk import promise, skipped, what_now
from shared.contracts.disclosure import Action, RecordRef, of_session
from shared.contracts.records import RecordType
from shared.eventstore.model import StoredEvent, StreamAppend, UniqueViolation, VersionConflict
from shared.gate.ask import Opened, missed, open_one
from shared.gate.listing import Rows, listed
from shared.gate.port import GateUnavailable
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, Problem, conflict, invalid
from shared.http.showing import load_each, shown
from shared.service.amendments import Along
from shared.service.record import record_event, write_meta

_DAY: Final = timedelta(days=1)


async def ask_for_administration(
    desk: AdministrationDesk,
    call: Call,
    client_id: UUID,
    instrument_id: str,
    rater: Rater,
    session_id: UUID | None,
    repeat: Repeat,
) -> tuple[Answer, Opened]:
    """A new administration, whatever else is open: burden warns and never refuses. The answer lacks the link (`link_of`)."""
    instrument = enabled_instrument(desk.catalogue, instrument_id, "/instrument")
    new_id, now = desk.parts.new_id(), desk.parts.now()
    secret = link_secret(desk.parts.secret, call.tenant, new_id)
    ref = new_record(instrument, new_id, client_id, rater, author=call.principal.sub, link=secret, session_id=session_id)
    opened = await open_one(desk.gate, call, Action.CREATE, ref, refers_at="/session_id")
    event = administration.request(
        instrument, administration_id=new_id, client_id=client_id, rater=rater, session_id=session_id, at=now
    )
    asked = await desk.index.asked_since(call.tenant, client_id, now - _DAY) if rater is Rater.CLIENT else []
    items_today = sum(found.scale.items for i in asked if (found := desk.catalogue.enabled(i)) is not None)
    most = desk.most_items_a_day
    warnings = administration.warnings(instrument, rater, items_today=items_today, most_items=most)
    answer = Answer(201, {"id": str(new_id), "instrument": instrument.id, "status": "open", "warnings": warnings})
    await desk.store.append(
        call.tenant,
        [
            StreamAppend(
                administration_stream(new_id),
                0,
                [record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=None)],
            )
        ],
        statements=(*desk.index.rows_of(call.tenant, event), *repeat.statements(answer, client_id)),
    )
    return answer, opened


def link_of(desk: AdministrationDesk, tenant: str, administration_id: str) -> str:
    secret = link_secret(desk.parts.secret, tenant, UUID(administration_id))
    return f"{desk.parts.public_url}/answer/{administration_id}#{secret}"


async def answer_administration(
    desk: AdministrationDesk, call: Call, administration_id: UUID, answers: Mapping[str, Any], repeat: Repeat
) -> tuple[Answer, Opened, dict[str, Any]]:
    """The non-clinical answer for a repeat, and the scores. 409 where it was answered before, 422 with every fault. 503 while the
    gate is away: of an instrument with critical items it says whom to call now, whatever was answered."""
    row = await _known(desk, call, administration_id, Action.ANSWER)
    try:
        return await _answer(desk, call, row, answers, repeat)
    except GateUnavailable as error:
        problem, instrument = error.problem(), _defined(desk, row.instrument)
        if instrument is not None and instrument.critical_items:
            told = [said["text"] for said in what_now(await desk.risks.settings(call.tenant))]
            problem.detail = " ".join([problem.detail, "Send it again.", *told])
        raise problem from None


async def _answer(
    desk: AdministrationDesk, call: Call, row: AdministrationRow, answers: Mapping[str, Any], repeat: Repeat
) -> tuple[Answer, Opened, dict[str, Any]]:
    administration_id = row.id
    if isinstance(call, LinkCall) and (closed := link_closed(row, desk.parts.now(), desk.link_lasts)) is not None:
        raise closed
    opened = await open_one(desk.gate, call, Action.ANSWER, row.ref)
    stored = await desk.store.read_stream(call.tenant, administration_stream(administration_id))
    state = administration.evolve([typed(e) for e in stored])
    assert state is not None
    instrument = desk.catalogue.enabled(row.instrument)
    if instrument is None:
        raise conflict("This instrument was disabled after the administration was asked for: ask for another one.")
    if opened.erased(administration_id):
        raise conflict("This record was erased: nothing can be added to it.")
    try:
        event = administration.answer(state, instrument, answers, at=desk.parts.now())
    except AlreadyAnswered:
        raise _answered_before() from None
    except InvalidAnswers as error:
        raise invalid([Fault(f"/answers{f.pointer}", f.detail) for f in error.faults]) from None
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=opened.key(administration_id))
    answer = Answer(201, {"id": str(administration_id), "status": "answered"})
    assess = administration.is_alliance_rating(instrument, row.rater)
    given = checked_answers(event)
    settings = await desk.risks.settings(call.tenant)
    raised = await raise_with_answer(
        desk,
        call.tenant,
        settings,
        instrument,
        given,
        administration_id=administration_id,
        client_id=row.client_id,
        at=event.at,
    )
    try:
        await desk.store.append(
            call.tenant,
            [
                StreamAppend(administration_stream(administration_id), len(stored), [new]),
                *((raised.append,) if raised is not None else ()),
            ],
            statements=(
                *(raised.statements if raised is not None else ()),
                *desk.index.rows_of(call.tenant, event),
                *((desk.index.due_row(call.tenant, event), desk.tenants.row(call.tenant)) if assess else ()),
                *repeat.statements(answer, row.client_id),
            ),
        )
    except VersionConflict:
        raise _answered_before() from None
    except UniqueViolation as error:
        if error.constraint == "answered_pkey":
            raise _answered_before() from None
        raise
    return answer, opened, _scored(instrument, event.result.value) | shown_now(settings, instrument, given)


async def scores_again(desk: AdministrationDesk, call: Call, administration_id: UUID) -> tuple[Opened, dict[str, Any]]:
    """The scores of an administration that this caller answered before: opened through the gate, never kept."""
    action = Action.ANSWER if isinstance(call, LinkCall) else Action.READ
    row = await _known(desk, call, administration_id, action)
    opened = await open_one(desk.gate, call, action, row.ref)
    event = (await desk.index.answers(call.tenant, [administration_id])).get(administration_id)
    instrument = _defined(desk, row.instrument)
    result = _result(event, opened, instrument)
    if event is None or instrument is None or opened.erased(administration_id):
        return opened, result
    given = {int(item): value for item, value in event.answers.open(opened.key(administration_id)).items()}
    return opened, result | shown_now(await desk.risks.settings(call.tenant), instrument, given)


async def read_administration(desk: AdministrationDesk, call: Call, administration_id: UUID) -> tuple[dict[str, Any], Opened]:
    row = await _known(desk, call, administration_id, Action.READ)
    opened = await open_one(desk.gate, call, Action.READ, row.ref)
    events = await desk.index.answers(call.tenant, [administration_id])
    along = await desk.amendments.along(call.tenant, [row.ref])
    instrument = _defined(desk, row.instrument)
    view = administration_view(row, events.get(administration_id), opened, along, instrument)
    promised = promise(instrument, await desk.risks.settings(call.tenant)) if instrument is not None else None
    return view | ({"risk_notice": promised} if promised is not None and row.answered_at is None else {}), opened


async def list_administrations(desk: AdministrationDesk, call: Call, client_id: UUID, *, start: int | None, limit: int) -> Page:
    """Newest first."""

    async def fetch(before: int | None, most: int) -> list[AdministrationRow]:
        return await desk.index.administrations_of(call.tenant, client_id, before, most)

    wanted = Rows(fetch, lambda row: row.ref, lambda row: row.ord)
    page = await listed(desk.gate, call, client_id, wanted, start=start, limit=limit)
    view = await administration_views(desk, call.tenant, page.rows, page.opened)
    items = [shown(r.id, partial(view, r)) for r in page.rows]
    return Page(items, page.rows[-1].ord if page.more else None, page.opened.entries)


async def administration_views(
    desk: AdministrationDesk, tenant: str, rows: Sequence[AdministrationRow], opened: Opened
) -> Callable[[AdministrationRow], dict[str, Any]]:
    """What shows each of these; it fails for one whose answer is stored in a form that cannot be shown."""
    answered = [r.id for r in rows if r.answered_at is not None]
    events = await load_each(answered, partial(desk.index.answers, tenant), lambda i: i)
    along = await desk.amendments.along(tenant, [r.ref for r in rows])

    def view(row: AdministrationRow) -> dict[str, Any]:
        event = None if row.answered_at is None or opened.erased(row.id) else events[row.id]
        return administration_view(row, event, opened, along, _defined(desk, row.instrument))

    return view


def new_record(
    instrument: Instrument,
    administration_id: UUID,
    client_id: UUID,
    rater: Rater,
    *,
    author: str,
    link: str | None = None,
    session_id: UUID | None = None,
) -> RecordRef:
    """The record that the gate binds: its author is who rates, and a client's alliance rating bears the label for it."""
    return RecordRef(
        record_id=str(administration_id),
        client_id=str(client_id),
        record_type=RecordType.ADMINISTRATION,
        author=str(client_id) if rater is Rater.CLIENT else author,
        labels=administration.labels(instrument, rater),
        refers_to=of_session(session_id),
        link_digest=link_digest(link) if link is not None else None,
    )


def administration_view(
    row: AdministrationRow,
    event: AdministrationAnswered | None,
    opened: Opened,
    along: Along,
    instrument: Instrument | None,
) -> dict[str, Any]:
    """An administration that was released: with answers and scores where it was answered, emptied where it was erased."""
    view: dict[str, Any] = {
        "id": str(row.id),
        "client_id": str(row.client_id),
        "instrument": row.instrument,
        "rater": str(row.rater),
        "session_id": str(row.session_id) if row.session_id else None,
        "status": "open" if row.answered_at is None else "answered",
        "requested_at": row.requested_at.isoformat(),
        "answered_at": row.answered_at.isoformat() if row.answered_at else None,
        "amendments": [a.view() for a in along.get(row.id, ())],
    }
    if opened.erased(row.id):
        return view | {"status": "erased", "erased": True, "answers": {}, "scores": {}}
    if event is None:
        return view
    return view | {"answers": event.answers.open(opened.key(row.id))} | _result(event, opened, instrument)


def _result(event: AdministrationAnswered | None, opened: Opened, instrument: Instrument | None) -> dict[str, Any]:
    if event is None or opened.erased(event.administration_id):
        return {"scores": {}, "erased": True}
    return _scored(instrument, event.result.open(opened.key(event.administration_id)))


def _scored(instrument: Instrument | None, result: Result) -> dict[str, Any]:
    """The scores, and which critical items were skipped: that somebody did not answer them is to be seen."""
    skipped_ = skipped(instrument, result.missing) if instrument is not None else []
    return result.model_dump(mode="json") | ({"risk_items_skipped": skipped_} if skipped_ else {})


def _defined(desk: AdministrationDesk, instrument_id: str) -> Instrument | None:
    entry = desk.catalogue.entry(instrument_id)
    return entry.instrument if entry is not None else None


def checked_answers(event: AdministrationAnswered) -> dict[int, float]:
    """By item number, of an event that was made just now and is not sealed yet."""
    return {int(item): value for item, value in event.answers.value.items()}


async def _known(desk: AdministrationDesk, call: Call, administration_id: UUID, action: Action) -> AdministrationRow:
    row = await desk.index.administration(call.tenant, administration_id)
    if row is None:
        raise await missed(desk.gate, call, action)
    return row


def typed(stored: StoredEvent) -> Any:
    """An event of this service as its type."""
    return EVENT_TYPES.load(
        tenant=stored.tenant,
        event_type=stored.type,
        schema_version=stored.schema_version,
        event_id=stored.event_id,
        data=stored.data,
    )


def _answered_before() -> Problem:
    return conflict("This administration was answered before: ask for a new one to answer again.")

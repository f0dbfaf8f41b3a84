"""A session held calls for the client's measure of it."""

from services.alliance_measurement.administrations.application.administrations import new_record
from services.alliance_measurement.administrations.application.ports import AdministrationDesk, administration_stream
from services.alliance_measurement.administrations.domain import administration
from services.alliance_measurement.desk.application.jobs import CHOREOGRAPHY, ask_as_job, job_meta
from services.alliance_measurement.instruments.domain.instrument import Rater
from shared.contracts.disclosure import Action
from shared.contracts.session_notes import SessionHeld
from shared.eventstore.model import StreamAppend
from shared.messaging.port import Effect, Handler, Message
from shared.service.record import client_key, record_event


class MisplacedSession(Exception):
    """A session that came under another client's key: it is parked."""


def schedule_measure(desk: AdministrationDesk) -> Handler:
    """Handles `session-notes.session-held`. Nothing is scheduled where the gate refuses the job."""

    async def handle(message: Message) -> Effect | None:
        held = SessionHeld.model_validate_json(message.payload)
        tenant, client_id = message.tenant, held.client_id
        if message.key != client_key(tenant, client_id):
            raise MisplacedSession("a session is published under its own client's key")
        instrument = desk.catalogue.enabled(desk.scheduled_instrument)
        if instrument is None or await desk.index.is_scheduled(tenant, held.session_id):
            return None
        # a fresh id each time: the gate binds an id once, and a repeat after a crash must not claim it again
        new_id = desk.parts.new_id()
        record = new_record(instrument, new_id, client_id, Rater.CLIENT, author=str(client_id))
        request_id = f"session-{held.session_id}"
        opened = await ask_as_job(desk.gate, CHOREOGRAPHY, Action.CREATE, [record], tenant=tenant, request_id=request_id)
        if not opened.permitted(new_id):
            return None
        event = administration.request(
            instrument,
            administration_id=new_id,
            client_id=client_id,
            rater=Rater.CLIENT,
            session_id=held.session_id,
            at=desk.parts.now(),
        )
        meta = job_meta(CHOREOGRAPHY, tenant, opened, request_id)
        new = record_event(event, parts=desk.parts, call_meta=meta, key=None)
        return Effect(
            appends=(StreamAppend(administration_stream(new_id), 0, [new]),),
            statements=(*desk.index.rows_of(tenant, event), desk.index.scheduled_row(tenant, held.session_id)),
        )

    return handle

"""The client's choice of who sees their alliance ratings: enforced at the gate first, then kept as an event."""

from typing import Final
from uuid import UUID

from services.alliance_measurement.application.ports import Desk, StoredChoice, release_stream
from services.alliance_measurement.domain.release import Choice, ReleaseChosen
from shared.contracts.disclosure import Action, RecordRef, ReleaseAudience, ReleaseRequest
from shared.contracts.records import RecordType
from shared.eventstore.model import StreamAppend, VersionConflict
from shared.gate.ask import Opened, open_many, open_one
from shared.http.call import Call
from shared.http.problems import conflict, forbidden
from shared.identity.roles import Role
from shared.service.record import record_event, write_meta

_ATTEMPTS: Final = 3


async def choose_release(
    desk: Desk, call: Call, client_id: UUID, *, therapist: ReleaseAudience | None, supervisor: ReleaseAudience | None
) -> tuple[Choice, Opened]:
    """In force when it returns. Whoever meets another choice midway tells the gate again, so that the last event kept is
    what the gate enforces."""
    for _ in range(_ATTEMPTS):
        version = await desk.store.version(call.tenant, release_stream(client_id))
        kept = await desk.index.choice(call.tenant, client_id)
        state = await desk.gate.set_release(
            ReleaseRequest(
                tenant=call.tenant,
                client_id=str(client_id),
                caller=call.caller,
                request_id=call.request_id,
                therapist=therapist,
                supervisor=supervisor,
            )
        )
        chosen = Choice(state.therapist, state.supervisor)
        try:
            return chosen, await _keep(desk, call, client_id, chosen, kept, version)
        except VersionConflict:
            continue
    raise conflict("Another choice is being made at the same time: read it and choose again.")


async def read_release(desk: Desk, call: Call, client_id: UUID) -> tuple[Choice, Opened]:
    """The client's own. 404 or 403 for everybody else."""
    kept = await desk.index.choice(call.tenant, client_id)
    records = [_ref(kept.choice_id, client_id)] if kept is not None else []
    opened = await open_many(desk.gate, call, records, client_id=str(client_id))
    if call.principal.role is not Role.CLIENT or call.principal.client_id != str(client_id):
        raise forbidden("Only the client reads and makes this choice.")
    return (kept.choice if kept is not None else Choice()), opened


async def _keep(desk: Desk, call: Call, client_id: UUID, chosen: Choice, kept: StoredChoice | None, version: int) -> Opened:
    choice_id = kept.choice_id if kept is not None else desk.parts.new_id()
    action = Action.CREATE if kept is None else Action.UPDATE
    opened = await open_one(desk.gate, call, action, _ref(choice_id, client_id))
    event = ReleaseChosen(
        client_id=client_id,
        choice_id=choice_id,
        therapist=chosen.therapist,
        supervisor=chosen.supervisor,
        at=desk.parts.now(),
    )
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=None)
    await desk.store.append(
        call.tenant,
        [StreamAppend(release_stream(client_id), version, [new])],
        statements=(desk.index.choice_row(call.tenant, event),),
    )
    return opened


def _ref(choice_id: UUID, client_id: UUID) -> RecordRef:
    return RecordRef(record_id=str(choice_id), client_id=str(client_id), record_type=RecordType.RELEASE_CHOICE)

"""The client's choice of who sees their alliance ratings: enforced at the gate first, then kept as an event."""

from typing import Final
from uuid import UUID

from services.alliance_measurement.release.application.ports import ReleaseDesk, release_stream
from services.alliance_measurement.release.domain.release import Choice, ReleaseChosen
from shared.contracts.disclosure import ReleaseAudience, ReleaseRequest
from shared.eventstore.model import StreamAppend, VersionConflict
from shared.gate.ask import Opened, open_many
from shared.http.call import Call
from shared.http.problems import conflict, forbidden
from shared.identity.roles import Role
from shared.service.record import record_event, write_meta

_ATTEMPTS: Final = 3


async def choose_release(
    desk: ReleaseDesk, call: Call, client_id: UUID, *, therapist: ReleaseAudience | None, supervisor: ReleaseAudience | None
) -> tuple[Choice, tuple[int, ...]]:
    """In force when it returns; the choice and the ledger entries. Problem 403 for everybody but the client.

    Whoever meets another choice midway tells the gate again, so that the last event kept is what the gate enforces.
    """
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
        event = ReleaseChosen(
            client_id=client_id,
            choice_id=kept.choice_id if kept is not None else desk.parts.new_id(),
            therapist=state.therapist,
            supervisor=state.supervisor,
            at=desk.parts.now(),
        )
        meta = write_meta(call, Opened(state.entries, {}, {}))
        new = record_event(event, parts=desk.parts, call_meta=meta, key=None)
        try:
            await desk.store.append(
                call.tenant,
                [StreamAppend(release_stream(client_id), version, [new])],
                statements=desk.index.rows_of(call.tenant, event),
            )
        except VersionConflict:
            continue
        return Choice(state.therapist, state.supervisor), state.entries
    raise conflict("Another choice is being made at the same time: read it and choose again.")


async def read_release(desk: ReleaseDesk, call: Call, client_id: UUID) -> tuple[Choice, tuple[int, ...]]:
    """The client's own, as the gate enforces it, and the ledger entries. 404 or 403 for everybody else."""
    opened = await open_many(desk.gate, call, [], client_id=str(client_id))
    if call.principal.role is not Role.CLIENT or call.principal.client_id != str(client_id):
        problem = forbidden("Only the client reads and makes this choice.")
        problem.headers.update(opened.headers)
        raise problem
    assert opened.release is not None
    return Choice(opened.release.therapist, opened.release.supervisor), opened.entries

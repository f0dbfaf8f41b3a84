"""Taking a client in, and reading who they are."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.session_notes.clients.application.client_index import FIELDS, ClientIndex, tokens_for
from services.session_notes.clients.domain.clients import EVENT_TYPES, ClientIdentity, ClientRegistered, register
from services.session_notes.desk.application.errors import answered
from services.session_notes.desk.application.loading import load
from services.session_notes.desk.application.ports import Desk, client_stream
from shared.contracts.disclosure import Action, RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import StoredEvent, StreamAppend
from shared.gate.ask import Opened, missed, open_one
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.service.record import record_event, write_meta


@dataclass(frozen=True, slots=True)
class ClientRead:
    client_id: UUID
    identity: ClientIdentity | None
    """None where it was erased"""
    version: int
    created_at: datetime
    opened: Opened


async def register_client(
    desk: Desk, call: Call, identity: ClientIdentity, repeat: Repeat, *, index: ClientIndex
) -> tuple[Answer, Opened]:
    """The client, and the tokens by which they are found; `Opened.index_keys` says under which key."""
    client_id = desk.parts.new_id()
    with answered():
        event = register(client_id, identity, now=desk.parts.now(), place=desk.parts.place)
    ref = RecordRef(record_id=str(client_id), client_id=str(client_id), record_type=RecordType.CLIENT, author=call.principal.sub)
    opened = await open_one(desk.gate, call, Action.CREATE, ref, index_fields=FIELDS)
    tokens = tokens_for(client_id, identity, opened.index_keys)
    new = record_event(event, parts=desk.parts, call_meta=write_meta(call, opened), key=opened.key(client_id))
    answer = Answer(201, {"id": str(client_id)})
    await desk.store.append(
        call.tenant,
        [StreamAppend(client_stream(client_id), 0, [new])],
        statements=(
            *index.begun(call.tenant, opened.index_keys[0].kid),
            *desk.index.rows_of(call.tenant, event),
            *index.rows_of(call.tenant, tokens),
            *repeat.statements(answer, client_id),
        ),
    )
    return answer, opened


async def read_client(desk: Desk, call: Call, client_id: UUID) -> ClientRead:
    """404 where there is no such client, or the caller may not know of them."""
    if not await desk.index.knows_client(call.tenant, client_id):
        raise await missed(desk.gate, call)
    ref = RecordRef(record_id=str(client_id), client_id=str(client_id), record_type=RecordType.CLIENT)
    opened = await open_one(desk.gate, call, Action.READ, ref)
    return client_of(await desk.store.read_stream(call.tenant, client_stream(client_id)), opened)


def client_of(stored: list[StoredEvent], opened: Opened) -> ClientRead:
    """The client as they were released; emptied where they were erased."""
    (only,) = stored
    event = load(EVENT_TYPES, only)
    assert isinstance(event, ClientRegistered)
    client_id = event.client_id
    identity = None if opened.erased(client_id) else event.identity.open(opened.key(client_id))
    return ClientRead(client_id, identity, only.version, event.at, opened)

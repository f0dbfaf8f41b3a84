"""Looking for a client by identifier or name: the gate lends an index key; the few it finds are opened, and compared.

ADR 0055 says what the tokens tell.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.session_notes.clients.application.client_index import ClientIndex
from services.session_notes.clients.application.clients import ClientRead, client_of
from services.session_notes.clients.domain.lookup import Wanted
from services.session_notes.desk.application.ports import Desk, client_stream
from shared.contracts.disclosure import Action, Decision, RecordRef
from shared.contracts.records import RecordType
from shared.eventstore.model import StoredEvent
from shared.gate.ask import Opened, ask, opened
from shared.http.call import Call
from shared.http.problems import Fault, forbidden, invalid
from shared.http.showing import UNSHOWABLE, noted

MOST_CANDIDATES: Final = 100


@dataclass(frozen=True, slots=True)
class LookedUp:
    found: list[ClientRead]
    """whom the caller may read, and who is meant"""
    entries: tuple[int, ...]
    """of the look-up itself, and of those who were found: not of others in the bucket, who would tell that they exist. These have
    one entry, made also where there are none: so the next index tells nothing (ADR 0037)"""
    kid: str
    """of the index key in use"""


async def look_up(desk: Desk, index: ClientIndex, call: Call, wanted: Wanted) -> LookedUp:
    """403 for roles that may not, 422 where too many share the bucket."""
    asked = await ask(desk.gate, call, Action.LOOKUP, (), index_fields=(wanted.field,))
    if asked.decision is Decision.DENY:
        problem = forbidden()
        problem.headers.update(opened(asked).headers)
        raise problem
    kid = next(key.kid for key in asked.index_keys if key.current)
    tokens = [(key.kid, wanted.token(key)) for key in asked.index_keys]
    candidates = await index.candidates(call.tenant, wanted.field, tokens, MOST_CANDIDATES + 1)
    if len(candidates) > MOST_CANDIDATES:
        raise invalid([Fault("/birth_date", "too many are called alike: say the date of birth, or an identifier")])
    answer = await ask(desk.gate, call, Action.SEARCH, [_ref(client) for client in candidates], looked_up=True)
    released = opened(answer)
    # each of them has an entry of its own, in the order of the question; the last is of those who were refused
    entry_of = dict(zip([c for c in candidates if released.permitted(c)], answer.entries[:-1], strict=True))
    readable = [c for c in candidates if released.permitted(c) and not released.erased(c)]
    streams = await desk.index.streams(call.tenant, [client_stream(c) for c in readable])
    read = [r for c in readable if (r := _read(c, streams[client_stream(c)], released)) is not None]
    found = [r for r in read if r.identity is not None and wanted.is_met_by(r.identity)]
    return LookedUp(found, (*asked.entries, *(entry_of[r.client_id] for r in found)), kid)


def _read(client_id: UUID, stored: list[StoredEvent], released: Opened) -> ClientRead | None:
    """None where the client is stored in a form that cannot be shown: then nobody can tell whether they are meant."""
    try:
        return client_of(stored, released)
    except UNSHOWABLE as error:
        noted(client_id, error)
        return None


def _ref(client_id: UUID) -> RecordRef:
    return RecordRef(record_id=str(client_id), client_id=str(client_id), record_type=RecordType.CLIENT)

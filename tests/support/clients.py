"""Clients whom the gate knows, without a word in the ledger: as intake would have registered them before a test begins."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from services.audit_log.assurance.adapters.receipt_table import received
from services.audit_log.bootstrap import AuditLogService
from shared.contracts.disclosure import Action, DisclosureRequest
from shared.contracts.receipts import Receipt
from shared.contracts.session_notes import PROGRESS_NOTE_SIGNED
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_REGISTERED: Final = """INSERT INTO record
(tenant_id, record_id, client_id, record_type, key_class, author, labels, service, kid, link_digest, created_at)
VALUES ($1, $2, $2, 'client', 'identity', 'intake-1', '{}', 'session_notes', '', NULL, $3) ON CONFLICT DO NOTHING"""
_SESSION: Final = """INSERT INTO record
(tenant_id, record_id, client_id, record_type, key_class, author, labels, service, kid, link_digest, created_at)
VALUES ($1, $2, $3, 'session', 'progress_note', NULL, '{}', 'session_notes', '', NULL, $4)"""


async def registered(store: EventStore, tenant: str, clients: Iterable[str]) -> None:
    """The registry has these clients when it returns."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    statements = tuple(Statement(_REGISTERED, (tenant, UUID(client), long_ago)) for client in sorted(set(clients)))
    if statements:
        await store.append(tenant, (), statements=statements)


async def session_bound(store: EventStore, tenant: str, client: str) -> str:
    """The id of a session of that client, as far as the registry knows of one."""
    session = uuid4()
    given = (tenant, session, UUID(client), datetime.now(UTC))
    await store.append(tenant, (), statements=(Statement(_SESSION, given),))
    return str(session)


async def signed(store: EventStore, tenant: str, client: str, *notes: str) -> None:
    """As if the receipts of these notes' signatures had come."""
    made = [
        Receipt(
            service="session_notes",
            event_id=uuid4(),
            event_type=PROGRESS_NOTE_SIGNED,
            record_id=UUID(note),
            client_id=UUID(client),
            entry=0,
            digest="",
        )
        for note in notes
    ]
    statements = tuple(received(tenant, r, n, None, datetime.now(UTC)) for n, r in enumerate(made, 1))
    await store.append(tenant, (), statements=statements)


async def registered_for(gate: AuditLogService, request: DisclosureRequest) -> None:
    """The clients for whom records are about to be made."""
    if request.action is Action.CREATE:
        named = [r.client_id for r in request.records if r.record_type != "client"]
        await registered(gate._store, request.tenant, [c for c in named if _is_id(c)])


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

"""A ledger on a fresh database, and entries to put into it."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.application.ledger_view import EntryProof, NotYetSigned
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.eventstore.databases import DatabaseUrls
from shared.service.clock import now

SEED = bytes(range(32))
ORIGIN = "log.example/practice"
CLIENT = "11111111-1111-4111-8111-111111111111"


def ledger_on(urls: DatabaseUrls, anchors: Path) -> PostgresLedger:
    return PostgresLedger(urls, seed=SEED, origin_prefix=ORIGIN, anchor=FileAnchor(anchors), random=secrets.token_bytes)


@asynccontextmanager
async def open_ledger(urls: DatabaseUrls, anchors: Path) -> AsyncIterator[PostgresLedger]:
    ledger = ledger_on(urls, anchors)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


async def signed(ledger: PostgresLedger, tenant: str, index: int) -> EntryProof:
    """The proof of an entry, also on a machine too busy to sign within the time that a caller waits."""
    for _ in range(8):
        with suppress(NotYetSigned):
            return await ledger.proof(tenant, index)
    return await ledger.proof(tenant, index)


def entry(number: int = 0, **other: object) -> Entry:
    values: dict[str, object] = {
        "kind": EntryKind.DISCLOSURE,
        "at": now(),
        "action": "read",
        "outcome": "permit",
        "reason": "consent",
        "agent": "t-rivera",
        "agent_name": "Dr. Ada Rivera",
        "agent_role": "therapist",
        "service": "session_notes",
        "request_id": f"request-{number}",
        "client_id": CLIENT,
        "purpose": "TREAT",
        "purpose_defaulted": True,
        "records": (EntryRecord(f"record-{number}", "progress_note", "progress_note", "permit", "consent"),),
        "basis": ("rule:consent", "consent:c-1"),
        "policy_sequence": 4,
    }
    return Entry(**(values | other))  # type: ignore[arg-type]

"""A note written while the gate was away, and what becomes of it."""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.audit_log.keyring.domain.gate_keys import PublishedKey
from services.audit_log.ledger.application.ledger_view import Filters, StoredEntry
from shared.contracts.downtime import (
    Envelope,
    GateKey,
    LateAnswer,
    LateWrite,
    instant,
)
from shared.contracts.receipts import Receipt
from shared.contracts.records import RecordType, ServiceName
from shared.gate.envelope import seal_envelope
from tests.integration.gate.gate_support import NOTES, World
from tests.support.clients import registered

SECRET = b"\x07" * 32


async def key_of(world: World) -> GateKey:
    signed = await world.service.direct_gate(NOTES).gate_key()
    return GateKey.model_validate_json(signed.statement)


async def late(world: World, author: str = "t-rivera", **changes: Any) -> LateWrite:
    """A note that `author` wrote just now, while nobody answered."""
    key: PublishedKey | None = changes.pop("key", None)
    if key is None:
        newest = await key_of(world)
        key = PublishedKey(newest.key_id, bytes.fromhex(newest.public), newest.written_from)
    token = changes.pop("token", None) or world.token(author, "therapist")
    envelope = Envelope(secret=SECRET, token=token, purpose=changes.pop("purpose", None), labels=changes.pop("labels", ()))
    values: dict[str, Any] = {
        "tenant": world.tenant,
        "record_id": str(uuid4()),
        "client_id": world.client,
        "record_type": RecordType.PROGRESS_NOTE,
        "author": author,
        "event_id": str(uuid4()),
        "written_at": instant(world.clock.now()),
        "key_id": key.key_id,
        "digest": "0" * 64,
        "request_id": "r-late",
        "envelope": None,
    }
    write = LateWrite(**(values | changes))
    await registered(world.service._store, write.tenant, [write.client_id])
    return msgspec.structs.replace(write, envelope=seal_envelope(envelope, key.public, write))


async def settle(world: World, write: LateWrite, service: ServiceName = NOTES) -> LateAnswer:
    return await world.service.direct_gate(service).settle(write)


async def entry(world: World, index: int) -> StoredEntry:
    return await world.service._ledger.entry(world.tenant, index)


async def entries(world: World, *kinds: str) -> list[StoredEntry]:
    return await world.service._ledger.search(world.tenant, Filters(kinds=kinds))


def receipt_of(write: LateWrite, index: int) -> Receipt:
    return Receipt(
        service="session_notes",
        event_id=UUID(write.event_id),
        event_type="session-notes.progress-note-drafted",
        record_id=UUID(write.record_id),
        client_id=UUID(write.client_id),
        entry=index,
        digest="0" * 64,
    )

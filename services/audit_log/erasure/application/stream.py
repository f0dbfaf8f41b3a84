"""Erasures as they are stored: their events, the list of those with work left, and their entries in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Final
from uuid import UUID

import orjson

from services.audit_log.erasure.domain.erasure import Erasure, evolve
from services.audit_log.erasure.domain.events import (
    EVENTS,
    UPCASTERS,
    ErasureAnswered,
    ErasureEvent,
    ErasureKeysDestroyed,
    ErasureRefused,
    ErasureRetained,
)
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.audit import KEY_SHREDDED, KeyShredded
from shared.contracts.records import ServiceName
from shared.contracts.topics import AUDIT
from shared.eventstore.model import NewEvent, Publication, Statement, StoredEvent, StreamAppend, UniqueViolation
from shared.eventstore.schema import tenant_table
from shared.eventstore.store import EventStore
from shared.identity.roles import Role, default_purpose
from shared.sealing.event import Event, EventTypes
from shared.service.record import WriteMeta, client_key

SCHEMA: Final[tuple[str, ...]] = (
    """
CREATE TABLE IF NOT EXISTS erasure (
  tenant_id text NOT NULL,
  erasure_id uuid NOT NULL,
  due boolean NOT NULL,
  destroyed boolean NOT NULL,
  version bigint NOT NULL,
  recorded bigint NOT NULL DEFAULT 0,
  CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, erasure_id)
)""",
    """
CREATE TABLE IF NOT EXISTS erasure_entry (
  tenant_id text NOT NULL,
  erasure_id uuid NOT NULL,
  version bigint NOT NULL,
  CONSTRAINT erasure_entry_pkey PRIMARY KEY (tenant_id, erasure_id, version)
)""",
    *tenant_table("erasure"),
    *tenant_table("erasure_entry"),
    # ids alone: after a start the process finds the unfinished ones of every tenant
    "DROP POLICY IF EXISTS erasure_list ON erasure",
    "CREATE POLICY erasure_list ON erasure FOR SELECT USING (true)",
)
"""For the `ddl` of the audit log's event store."""

_TYPES: Final = EventTypes(*EVENTS, upcasters=UPCASTERS)
_LISTED: Final = """
INSERT INTO erasure (tenant_id, erasure_id, due, destroyed, version) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, erasure_id) DO UPDATE SET due = excluded.due, destroyed = excluded.destroyed, version = excluded.version
"""
_ACTIONS: Final = {t.TYPE: t.TYPE.removeprefix("erasure.") for t in EVENTS}
_SYSTEM: Final = f"service:{ServiceName.AUDIT_LOG}"


def system_meta(tenant: str) -> WriteMeta:
    """Of a step that no person took."""
    return WriteMeta(tenant, _SYSTEM, "service", None, "")


@dataclass(frozen=True, slots=True)
class Loaded:
    tenant: str
    state: Erasure
    stored: Sequence[StoredEvent]
    events: Sequence[Event]

    @property
    def version(self) -> int:
        return len(self.stored)


class ErasureStream:
    def __init__(self, store: EventStore, ledger: Ledger, *, new_id: Callable[[], UUID]) -> None:
        self._store, self._ledger, self._new_id = store, ledger, new_id

    async def load(self, tenant: str, erasure_id: UUID) -> Loaded:
        stored = await self._store.read_stream(tenant, _stream(erasure_id))
        events = [
            _TYPES.load(tenant=tenant, event_type=e.type, schema_version=e.schema_version, event_id=e.event_id, data=e.data)
            for e in stored
        ]
        return Loaded(tenant, reduce(evolve, events, Erasure()), stored, events)

    def appended(
        self, loaded: Loaded, events: Sequence[ErasureEvent], meta: WriteMeta
    ) -> tuple[StreamAppend, tuple[Statement, ...]]:
        """What to append after what was loaded, and the statements that go with it."""
        tenant, state = loaded.tenant, reduce(evolve, events, loaded.state)
        erasure_id, client_id = events[0].erasure_id, events[0].client_id
        append = StreamAppend(_stream(erasure_id), loaded.version, [self._new_event(e, meta, state) for e in events])
        statements = [Statement(_LISTED, (tenant, erasure_id, state.due, state.destroyed, loaded.version + len(events)))]
        if any(isinstance(e, ErasureKeysDestroyed) for e in events):
            # hashes of requests about a client end with the client; those of the erasure itself name no client
            dropped = "DELETE FROM idempotency WHERE tenant_id = $1 AND client_id = $2"
            statements.append(Statement(dropped, (tenant, client_id)))
        return append, tuple(statements)

    async def append(
        self, loaded: Loaded, events: Sequence[ErasureEvent], meta: WriteMeta, *, statements: Sequence[Statement] = ()
    ) -> None:
        """Raises VersionConflict where somebody was faster, UniqueViolation for a repeated call."""
        append, own = self.appended(loaded, events, meta)
        await self._store.append(loaded.tenant, [append], statements=[*own, *statements])

    async def record(self, loaded: Loaded, agent_name: str = "") -> list[int]:
        """Writes the ledger entries that are missing, each once; their indexes. Raises LedgerUnavailable."""
        if loaded.state.id is None:
            return []
        rows = await self._store.fetch(
            loaded.tenant,
            "SELECT recorded FROM erasure WHERE tenant_id = $1 AND erasure_id = $2",
            loaded.tenant,
            loaded.state.id,
        )
        indexes: list[int] = []
        for stored, event in zip(loaded.stored, loaded.events, strict=True):
            if stored.version <= rows[0]["recorded"]:
                continue
            place = (loaded.tenant, loaded.state.id, stored.version)
            try:
                indexes += await self._ledger.append(
                    loaded.tenant,
                    [_entry(stored, event, loaded.state, agent_name)],
                    statements=[
                        Statement("INSERT INTO erasure_entry (tenant_id, erasure_id, version) VALUES ($1, $2, $3)", place),
                        Statement(
                            "UPDATE erasure SET recorded = greatest(recorded, $3) WHERE tenant_id = $1 AND erasure_id = $2",
                            place,
                        ),
                    ],
                )
            except UniqueViolation as error:
                if error.constraint != "erasure_entry_pkey":
                    raise
        return indexes

    async def unfinished(self) -> list[tuple[str, UUID]]:
        """Erasures of every tenant with a step to take or an entry to write."""
        rows = await self._store.fetch(
            "", "SELECT tenant_id, erasure_id FROM erasure WHERE due OR recorded < version ORDER BY tenant_id, erasure_id"
        )
        return [(r["tenant_id"], r["erasure_id"]) for r in rows]

    async def destroyed(self) -> list[tuple[str, UUID]]:
        """Erasures of every tenant whose keys must stay destroyed."""
        rows = await self._store.fetch(
            "", "SELECT tenant_id, erasure_id FROM erasure WHERE destroyed ORDER BY tenant_id, erasure_id"
        )
        return [(r["tenant_id"], r["erasure_id"]) for r in rows]

    def _new_event(self, event: ErasureEvent, meta: WriteMeta, state: Erasure) -> NewEvent:
        publish: tuple[Publication, ...] = ()
        if isinstance(event, ErasureKeysDestroyed):
            shredded = KeyShredded(
                erasure_id=event.erasure_id,
                client_id=event.client_id,
                key_classes=tuple(str(c) for c in state.key_classes),
                at=event.at,
            )
            key = client_key(meta.tenant, event.client_id)
            publish = (Publication(AUDIT, key, KEY_SHREDDED, shredded.model_dump_json().encode()),)
        data = orjson.dumps(event.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return NewEvent(self._new_id(), event.TYPE, event.SCHEMA_VERSION, data, meta.as_json(), publish)


def _stream(erasure_id: UUID) -> str:
    return f"erasure/{erasure_id}"


def _entry(stored: StoredEvent, event: Event, state: Erasure, agent_name: str) -> Entry:
    meta: dict[str, Any] = orjson.loads(stored.meta)
    by_officer = meta["role"] == Role.COMPLIANCE_OFFICER
    at: datetime = getattr(event, "at", stored.recorded_at)
    detail: dict[str, Any] = {"erasure_id": str(state.id), "key_classes": [str(c) for c in state.key_classes]}
    if isinstance(event, ErasureKeysDestroyed):
        detail["kids"] = list(event.kids)
    if isinstance(event, ErasureAnswered):
        detail["acknowledged_by"] = str(event.service)
    refused = isinstance(event, ErasureRefused | ErasureRetained)
    kept_by = (event.rule,) if isinstance(event, ErasureRetained) else ()
    return Entry(
        kind=EntryKind.ERASURE,
        at=at,
        action=_ACTIONS[event.TYPE],
        outcome="deny" if refused else "done",
        reason=str(state.refused_because) if refused else "two-officers",
        agent=meta["sub"],
        agent_role=meta["role"],
        agent_name=agent_name if by_officer else "",
        service=str(ServiceName.AUDIT_LOG),
        request_id=meta["request_id"],
        client_id=str(event.client_id),
        purpose=default_purpose(Role.COMPLIANCE_OFFICER) if by_officer else None,
        purpose_defaulted=by_officer,
        basis=(f"law:{state.basis}", *kept_by),
        detail=detail,
    )

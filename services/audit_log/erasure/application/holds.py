"""Legal holds: placed and released by compliance officers, each time with an entry in the ledger first."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from services.audit_log.erasure.domain.holds import EVENTS, HoldPlaced, HoldReleased, standing
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.records import ServiceName
from shared.eventstore.model import NewEvent, Statement, StreamAppend, VersionConflict
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import conflict, not_found
from shared.identity.roles import default_purpose
from shared.sealing.event import EventTypes
from shared.service.record import WriteMeta

_TYPES: Final = EventTypes(*EVENTS)


class Holds:
    """One stream for each client: `holds/<client id>`."""

    def __init__(self, store: EventStore, ledger: Ledger, *, now: Callable[[], datetime], new_id: Callable[[], UUID]) -> None:
        self._store, self._ledger, self._now, self._new_id = store, ledger, now, new_id

    async def standing(self, tenant: str, client_id: UUID) -> dict[UUID, HoldPlaced]:
        return (await self._read(tenant, client_id))[0]

    async def place(self, call: Call, client_id: UUID, basis: str, repeat: Repeat) -> tuple[Answer, list[int]]:
        """The hold stands when this returns; its entry comes first. LedgerUnavailable, UniqueViolation for a repeated call."""
        hold_id = self._new_id()
        answer = Answer(201, {"id": str(hold_id), "status": "standing"})
        entries = await self._enter(call, "hold-placed", hold_id, client_id, basis)
        event = HoldPlaced(client_id=client_id, hold_id=hold_id, basis=basis, placed_by=call.principal.sub, at=self._now())
        await self._append(call, entries[0], event, None, repeat.statements(answer, None))
        return answer, entries

    async def release(self, call: Call, hold_id: UUID, client_id: UUID) -> list[int]:
        """Problem 404 where no such hold of that client stands, 409 where somebody else was faster."""
        holds, version = await self._read(call.tenant, client_id)
        if hold_id not in holds:
            raise not_found()
        entries = await self._enter(call, "hold-released", hold_id, client_id, holds[hold_id].basis)
        event = HoldReleased(client_id=client_id, hold_id=hold_id, released_by=call.principal.sub, at=self._now())
        try:
            await self._append(call, entries[0], event, version, ())
        except VersionConflict:
            raise conflict("The client's holds changed just now: read them and try again.") from None
        return entries

    async def _read(self, tenant: str, client_id: UUID) -> tuple[dict[UUID, HoldPlaced], int]:
        stored = await self._store.read_stream(tenant, _stream(client_id))
        events = [
            _TYPES.load(tenant=tenant, event_type=e.type, schema_version=e.schema_version, event_id=e.event_id, data=e.data)
            for e in stored
        ]
        return standing(events), len(stored)

    async def _enter(self, call: Call, action: str, hold_id: UUID, client_id: UUID, basis: str) -> list[int]:
        entry = Entry(
            kind=EntryKind.ERASURE,
            at=self._now(),
            action=action,
            outcome="done",
            reason="legal_hold",
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service=str(ServiceName.AUDIT_LOG),
            request_id=call.request_id,
            client_id=str(client_id),
            purpose=call.purpose or default_purpose(call.principal.role),
            purpose_defaulted=call.purpose is None,
            basis=(f"law:{basis}",),
            detail={"hold_id": str(hold_id)},
        )
        return await self._ledger.append(call.tenant, [entry])

    async def _append(
        self,
        call: Call,
        entry: int,
        event: HoldPlaced | HoldReleased,
        expected: int | None,
        statements: Sequence[Statement],
    ) -> None:
        meta = WriteMeta(call.tenant, call.principal.sub, str(call.principal.role), entry, call.request_id)
        data = orjson.dumps(event.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        new = NewEvent(self._new_id(), event.TYPE, event.SCHEMA_VERSION, data, meta.as_json())
        await self._store.append(call.tenant, [StreamAppend(_stream(event.client_id), expected, [new])], statements=statements)


def _stream(client_id: UUID) -> str:
    return f"holds/{client_id}"

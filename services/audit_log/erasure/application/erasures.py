"""Carrying out erasures: fence, destroy, tell, wait for acknowledgements. Each step is an event; a start goes on from there.

A step is taken only once the entries of the steps before it stand in the ledger. Steps may be taken twice (fencing and
shredding again change nothing), so that a crash between a deed and its event costs nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from services.audit_log.erasure.application.erasing_reasons import ErasableLedger, ErasingReasons, Likenesses
from services.audit_log.erasure.application.holds import Holds, no_client
from services.audit_log.erasure.application.stream import ErasureStream, Loaded, system_meta
from services.audit_log.erasure.domain.erasure import (
    Acknowledge,
    Approve,
    Destroyed,
    Erasure,
    ErasureStatus,
    Fenced,
    Hold,
    Keep,
    MakeFinal,
    NoSuchErasure,
    NotAwaiting,
    OwnRequest,
    Request,
    decide,
    evolve,
)
from services.audit_log.erasure.domain.events import ErasureEvent
from services.audit_log.ledger.application.ports import Clients, KeyringUnavailable, LedgerUnavailable
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.practice.application.practice import NOT_THE_SECOND, SecondPerson
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass, ServiceName
from shared.eventstore.model import StoreError, VersionConflict
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.problems import Problem, conflict, forbidden, not_found
from shared.identity.roles import default_purpose
from shared.messaging.port import Effect, Handler, Message
from shared.one_at_a_time import OneAtATime
from shared.service.record import WriteMeta

POLL: Final = 2.0
"""seconds after which unfinished erasures are tried again"""
_log = logging.getLogger(__name__)


class KeyDestruction(Protocol):
    """What of the keyring an erasure needs. All raise KeyringUnavailable."""

    async def fence(self, tenant: str, client_id: str, classes: Sequence[KeyClass], erasure_id: UUID) -> None: ...

    async def shred(self, tenant: str, client_id: str, classes: Sequence[KeyClass], erasure_id: UUID) -> list[str]: ...

    async def is_final(self, tenant: str, client_id: str, classes: Sequence[KeyClass]) -> bool: ...


class Retention(Protocol):
    """What the tenant's retention pack keeps."""

    async def keeps(self, tenant: str, client_id: UUID, classes: Sequence[KeyClass]) -> str | None:
        """The rule that keeps some of these classes still."""

    async def accounted_since(self, tenant: str) -> datetime | None:
        """From when on disclosures must be accounted for; None where no pack says so."""


class Erasures:
    """`store` and `ledger` stand on the audit log's database (its `ddl` holds `erasure_stream.SCHEMA` and the idempotency
    table); `keyring` is open before `start`. `idempotency` is the one of the service, over the same store.
    """

    def __init__(
        self,
        store: EventStore,
        ledger: ErasableLedger,
        keyring: KeyDestruction,
        *,
        retention: Retention,
        likenesses: Likenesses,
        clients: Clients,
        idempotency: Idempotency,
        second: SecondPerson,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self.idempotency, self.second = idempotency, second
        self.holds = Holds(store, ledger, clients, now=now, new_id=new_id)
        self._clients = clients
        self._reasons = ErasingReasons(ledger, likenesses, retention.accounted_since, now=now)
        self._retention = retention
        self._streams = ErasureStream(store, ledger, new_id=new_id)
        self._ledger, self._keyring, self._now, self._new_id = ledger, keyring, now, new_id
        self._turns = OneAtATime()
        """by erasure, within this process; between processes the stream's version decides"""
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Destroys again what a restored keyring may have brought back, before anything is served; then goes on with the rest."""
        for tenant, erasure_id in await self._streams.destroyed():
            state = (await self._streams.load(tenant, erasure_id)).state
            await self._keyring.shred(tenant, str(state.client_id), state.key_classes, erasure_id)
        self._worker = asyncio.create_task(self._work(), name="erasures")

    async def stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    async def request(
        self, call: Call, client_id: UUID, key_classes: Sequence[KeyClass], basis: str, repeat: Repeat
    ) -> tuple[Answer, list[int]]:
        """A new erasure, awaiting approval (or refused under a legal hold), and its entries in the ledger. Problem 404 where
        there is no such client."""
        if not await self._clients.has_client(call.tenant, client_id):
            raise no_client()
        held = bool(await self.holds.standing(call.tenant, client_id))
        kept_by = await self._retention.keeps(call.tenant, client_id, key_classes)
        command = Request(self._new_id(), client_id, tuple(key_classes), basis, call.principal.sub, held, kept_by)
        loaded = await self._streams.load(call.tenant, command.erasure_id)
        return await self._take(call, loaded, decide(loaded.state, command, self._now()), repeat)

    async def approve(self, call: Call, erasure_id: UUID, repeat: Repeat) -> tuple[Answer, list[int]]:
        """Begins the erasure. Problem 403 for one's own request, 404, 409 where it awaits no approval."""
        loaded = await self._streams.load(call.tenant, erasure_id)
        if loaded.state.client_id is None:
            raise not_found()
        held = bool(await self.holds.standing(call.tenant, loaded.state.client_id))
        if not await self.second.among(call.tenant, str(loaded.state.requested_by), call.principal.sub):
            raise await self._refused(call, loaded.state, "not-the-second-person", NOT_THE_SECOND)
        try:
            kept_by = await self._retention.keeps(call.tenant, loaded.state.client_id, loaded.state.key_classes)
            events = decide(loaded.state, Approve(call.principal.sub, held, kept_by), self._now())
            return await self._take(call, loaded, events, repeat)
        except OwnRequest:
            said = "Another compliance officer has to approve it: who asked for an erasure cannot."
            raise await self._refused(call, loaded.state, "own-request", said) from None
        except (NotAwaiting, VersionConflict):
            raise conflict("This erasure awaits no approval: read it to see how it stands.") from None

    async def show(self, call: Call, erasure_id: UUID) -> dict[str, Any]:
        """How it stands. Problem 404."""
        loaded = await self._streams.load(call.tenant, erasure_id)
        if loaded.state.id is None:
            raise not_found()
        if loaded.state.status is ErasureStatus.COMPLETED and not loaded.state.final:
            loaded = await self._with_finality(loaded)
        return view(loaded.state)

    async def acknowledged(self, message: Message) -> Effect | None:
        """A service dropped what it had derived. ValueError or an ErasureError for what is no acknowledgement of ours."""
        told = ErasureAcknowledged.model_validate_json(message.payload)
        if told.service != message.source:
            raise ValueError("a service acknowledges for itself alone")
        loaded = await self._streams.load(message.tenant, told.erasure_id)
        if loaded.state.id is None:
            raise NoSuchErasure
        if loaded.state.client_id != told.client_id:
            raise ValueError("the acknowledgement names another client than the erasure")
        events = decide(loaded.state, Acknowledge(ServiceName(told.service)), self._now())
        if not events:
            return None
        meta = WriteMeta(message.tenant, f"service:{told.service}", "service", None, "")
        append, statements = self._streams.appended(loaded, events, meta)
        return Effect((append,), statements, after_commit=self._wake.set)

    async def _take(self, call: Call, loaded: Loaded, events: Sequence[ErasureEvent], repeat: Repeat) -> tuple[Answer, list[int]]:
        state = loaded.state
        for event in events:
            state = evolve(state, event)
        assert state.id is not None
        answer = Answer(202, {"id": str(state.id), "status": str(state.status)})
        meta = WriteMeta(call.tenant, call.principal.sub, str(call.principal.role), None, call.request_id)
        # without the client: the record of this call has to outlive the client's other ones
        async with self._turns.of(state.id):
            await self._streams.append(loaded, events, meta, statements=repeat.statements(answer, None))
            entries = await self._streams.record(await self._streams.load(call.tenant, state.id), call.principal.name)
        try:
            await self._advance(call.tenant, state.id)
        except (KeyringUnavailable, LedgerUnavailable, StoreError) as error:
            _log.warning("an erasure waits: %s", type(error).__name__)
        return answer, entries

    async def _advance(self, tenant: str, erasure_id: UUID) -> None:
        """Takes every step that waits for nobody."""
        async with self._turns.of(erasure_id):
            while True:
                loaded = await self._streams.load(tenant, erasure_id)
                await self._streams.record(loaded)
                if not loaded.state.due:
                    return
                events = await self._step(loaded)
                with contextlib.suppress(VersionConflict):  # another process was faster: see what it did
                    await self._streams.append(loaded, events, system_meta(tenant))

    async def _step(self, loaded: Loaded) -> list[ErasureEvent]:
        state, tenant = loaded.state, loaded.tenant
        assert state.id is not None and state.client_id is not None
        client_id = str(state.client_id)
        if state.fenced:
            kids = await self._keyring.shred(tenant, client_id, state.key_classes, state.id)
            await self._reasons.erase(tenant, state)
            return decide(state, Destroyed(tuple(kids)), self._now())
        if await self.holds.standing(tenant, state.client_id):
            return decide(state, Hold(), self._now())
        if (rule := await self._retention.keeps(tenant, state.client_id, state.key_classes)) is not None:
            return decide(state, Keep(rule), self._now())
        await self._keyring.fence(tenant, client_id, state.key_classes, state.id)
        return decide(state, Fenced(), self._now())

    async def _with_finality(self, loaded: Loaded) -> Loaded:
        state, tenant = loaded.state, loaded.tenant
        assert state.id is not None
        try:
            if not await self._keyring.is_final(tenant, str(state.client_id), state.key_classes):
                return loaded
            await self._streams.append(loaded, decide(state, MakeFinal(), self._now()), system_meta(tenant))
        except KeyringUnavailable:
            return loaded
        except VersionConflict:
            _log.info("another reader wrote the finality first")
        self._wake.set()
        return await self._streams.load(tenant, state.id)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                for tenant, erasure_id in await self._streams.unfinished():
                    await self._try(tenant, erasure_id)
            except StoreError as error:
                _log.warning("erasures wait: %s", type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._wake.wait()

    async def _try(self, tenant: str, erasure_id: UUID) -> None:
        try:
            await self._advance(tenant, erasure_id)
        except Exception as error:  # one that fails holds up no other, and is tried again
            _log.warning("erasure %s waits: %s", erasure_id, type(error).__name__)

    async def _refused(self, call: Call, state: Erasure, reason: str, said: str) -> Problem:
        """403, on record."""
        entries = await self._ledger.append(call.tenant, [self._denied(call, state, reason)])
        problem = forbidden(said)
        problem.headers["Audit-Entry"] = ", ".join(map(str, entries))
        return problem

    def _denied(self, call: Call, state: Erasure, reason: str) -> Entry:
        return Entry(
            kind=EntryKind.ERASURE,
            at=self._now(),
            action="approved",
            outcome="deny",
            reason=reason,
            agent=call.principal.sub,
            agent_role=str(call.principal.role),
            agent_name=call.principal.name,
            service=str(ServiceName.AUDIT_LOG),
            request_id=call.request_id,
            client_id=str(state.client_id),
            purpose=call.purpose or default_purpose(call.principal.role),
            purpose_defaulted=call.purpose is None,
            detail={"erasure_id": str(state.id)},
        )


def view(state: Erasure) -> dict[str, Any]:
    return {
        "id": str(state.id),
        "client_id": str(state.client_id),
        "key_classes": [str(c) for c in state.key_classes],
        "basis": state.basis,
        "status": str(state.status),
        "finality": str(state.finality) if state.finality else None,
        "requested_by": state.requested_by,
        "approved_by": state.approved_by,
        "acknowledged_by": sorted(map(str, state.acknowledged_by)),
        "refused_because": state.refused_because,
        "kept_by": state.kept_by,
    }


def handlers(erasures: Erasures) -> dict[str, Handler]:
    """For the consumer of `receipts.v1`."""
    return {ERASURE_ACKNOWLEDGED: erasures.acknowledged}

"""Notes that waited are handed to the gate once it answers: opened, sealed as every other, written down, and gone from where
they waited, in one transaction. Whoever is killed on the way begins that note again; the gate knows it by its envelope.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol

from services.session_notes.desk.application.downtime import Downtime, Waiting, WaitingState
from services.session_notes.desk.application.ports import Desk
from services.session_notes.notes.domain.events import EVENT_TYPES
from services.session_notes.notes.domain.notes import ProgressNoteDrafted, PsychotherapyNoteDrafted
from services.session_notes.notes.domain.waiting import NoteStoppedWaiting, WaitingEnded, waiting_stream
from shared.contracts.downtime import LateAnswer, LateOutcome
from shared.eventstore.model import NewEvent, Statement, StoreError, StreamAppend, VersionConflict
from shared.gate.envelope import waiting_key
from shared.gate.port import GateUnavailable, LateGate
from shared.http.problems import Problem
from shared.sealing.errors import SealingError
from shared.sealing.field import Sealed
from shared.service.record import WriteMeta, record_event

EVERY: Final = 1.0
"""seconds between two looks while something waits"""
IDLE: Final = 10.0
"""seconds between two looks while nothing does"""
REFUSED_AGAIN: Final = timedelta(seconds=60)
"""after which one that was refused is handed in again: what it lacked may have been entered"""
PAGE: Final = 50
_log = logging.getLogger(__name__)


class Leading(Protocol):
    async def lead(self) -> bool:
        """Whether this process is the one that reconciles. StoreUnavailable."""


class Reconciliation:
    def __init__(
        self,
        desk: Desk,
        downtime: Downtime,
        gate: LateGate,
        leading: Leading,
        *,
        on_outcome: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """`on_outcome` is told what became of each."""
        self._desk, self._downtime, self._gate, self._leading = desk, downtime, gate, leading
        self._on_outcome = on_outcome

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if await self._leading.lead():
                    await self.look()
            except (GateUnavailable, StoreError) as error:
                _log.debug("the notes that wait are handed in later: %s", type(error).__name__)
            await self._pause()

    async def _pause(self) -> None:
        """Short while something waits; ended early where something begins to."""
        if self._downtime.is_on:
            await asyncio.sleep(EVERY)
            return
        woken = self._downtime.woken
        woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE):
                await woken.wait()

    async def look(self) -> None:
        """Hands in whatever is due, tenant by tenant. GateUnavailable, StoreError."""
        notes = self._downtime.notes
        tenants = await notes.tenants()
        try:
            for tenant in tenants:
                while await self._page(tenant) == PAGE:
                    pass
        finally:
            rooms = [await notes.room(tenant, "") for tenant in tenants]
            oldest = min((r.oldest for r in rooms if r.oldest is not None), default=None)
            self._downtime.counted(sum(r.notes for r in rooms), sum(r.refused for r in rooms), oldest)

    async def _page(self, tenant: str) -> int:
        due = await self._downtime.notes.due(tenant, self._desk.parts.now() - REFUSED_AGAIN, PAGE)
        for waiting in due:
            await self._hand_in(tenant, waiting)
        return len(due)

    async def _hand_in(self, tenant: str, waiting: Waiting) -> None:
        try:
            answer = await self._gate.settle(waiting.write(tenant))
        except Problem as problem:
            _log.error("the gate does not take what waits in this form: %s", problem.slug)
            await self._tried(tenant, waiting, WaitingState.REFUSED)
            return
        self._downtime.answered()
        self._on_outcome(str(answer.outcome))
        match answer.outcome:
            case LateOutcome.RECONCILED:
                await self._write_down(tenant, waiting, answer)
            case LateOutcome.DROPPED:
                await self._end(tenant, waiting, WaitingEnded.DROPPED, [], ())
            case LateOutcome.REFUSED:
                await self._tried(tenant, waiting, WaitingState.REFUSED)

    async def _write_down(self, tenant: str, waiting: Waiting, answer: LateAnswer) -> None:
        try:
            event = opened(tenant, waiting, answer)
        except SealingError:
            # cannot be, since the envelope is bound to it; its entry has no receipt, so the gate raises the alarm
            _log.error("a note that waited does not open by its own secret")
            await self._tried(tenant, waiting, WaitingState.REFUSED)
            return
        meta = WriteMeta(tenant, waiting.author, answer.role or "", answer.entry, waiting.request_id)
        new = record_event(event, parts=self._desk.parts, call_meta=meta, key=answer.key, event_id=waiting.event_id)
        written = StreamAppend(waiting.kind.stream(waiting.note_id), 0, [new])
        await self._end(tenant, waiting, WaitingEnded.RECONCILED, [written], self._desk.index.rows_of(tenant, event))

    async def _end(
        self,
        tenant: str,
        waiting: Waiting,
        ended: WaitingEnded,
        appends: list[StreamAppend],
        statements: tuple[Statement, ...],
    ) -> None:
        stopped = self._stopped(tenant, waiting, ended)
        try:
            await self._desk.store.append(
                tenant,
                [*appends, StreamAppend(waiting_stream(waiting.note_id), 1, [stopped])],
                statements=(*statements, self._downtime.notes.end(tenant, waiting.note_id)),
            )
        except VersionConflict:
            _log.warning("a note that waited was reconciled by another process")

    def _stopped(self, tenant: str, waiting: Waiting, ended: WaitingEnded) -> NewEvent:
        parts = self._desk.parts
        service = parts.signer.service
        return record_event(
            NoteStoppedWaiting(client_id=waiting.client_id, note_id=waiting.note_id, ended=ended, at=parts.now()),
            parts=parts,
            call_meta=WriteMeta(tenant, f"service:{service}", "service", None, waiting.request_id),
            key=None,
        )

    async def _tried(self, tenant: str, waiting: Waiting, state: WaitingState) -> None:
        tried = self._downtime.notes.tried(tenant, waiting.note_id, state, self._desk.parts.now())
        await self._desk.store.append(tenant, [], statements=[tried])


def opened(tenant: str, waiting: Waiting, answer: LateAnswer) -> ProgressNoteDrafted | PsychotherapyNoteDrafted:
    """The draft as it was written, open. SealingError where it does not open by the secret that the gate returned."""
    if waiting.data is None or answer.secret is None:
        raise SealingError("there is nothing to open")
    event = EVENT_TYPES.load(
        tenant=tenant,
        event_type=waiting.type,
        schema_version=waiting.schema_version,
        event_id=waiting.event_id,
        data=waiting.data,
    )
    assert isinstance(event, ProgressNoteDrafted | PsychotherapyNoteDrafted)
    content = event.content.open(waiting_key(waiting.write(tenant), answer.secret))
    return event.model_copy(update={"content": Sealed(content)})

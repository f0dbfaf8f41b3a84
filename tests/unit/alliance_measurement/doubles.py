"""A gate that records what it was asked, and a desk around it, for what needs no database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, cast
from uuid import UUID, uuid4

from services.alliance_measurement.administrations.application.ports import AdministrationDesk, AnsweredRow, Due
from services.alliance_measurement.administrations.domain.administration import EVENT_TYPES, AdministrationAnswered, Result
from services.alliance_measurement.courses.application.ports import CourseDesk
from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.domain.instrument import Rater
from services.alliance_measurement.settings import Settings
from shared.contracts.disclosure import (
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    Ratings,
    RecordKey,
    RecordOutcome,
    Refusal,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.records import KeyClass, ServiceName
from shared.eventstore.model import InboxMark, Statement, StreamAppend, VersionConflict
from shared.identity.service_keys import ServiceKeys
from shared.messaging.signature import EventSigner
from shared.sealing.field import Sealed
from shared.service.amendments import Amendments
from shared.service.clock import random
from shared.service.parts import Parts
from shared.service.record import WriteMeta, record_event

TENANT = "clinic"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def key_of(record_id: str) -> RecordKey:
    return RecordKey(record_id=record_id, key_class=KeyClass.MEASURES, kid="k1", key=sha256(record_id.encode()).digest())


def _ratings(denies_all: str | None) -> Ratings:
    if denies_all is None:
        return Ratings.SHOWN
    return Ratings.KEPT_BACK if denies_all == "released-no" else Ratings.REFUSED


@dataclass
class RecordingGate:
    denied: dict[str, str] = field(default_factory=dict)
    """record id → reason"""
    denies_all: str | None = None
    ratings: Ratings | None = None
    refusal: Refusal | None = None
    erased: set[str] = field(default_factory=set)
    asked: list[DisclosureRequest] = field(default_factory=list)

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        self.asked.append(request)
        entry = (len(self.asked),)
        if self.refusal is not None:
            return DisclosureAnswer(decision=Decision.DENY, entries=entry, refusal=self.refusal)
        reasons = {r.record_id: self.denies_all or self.denied.get(r.record_id) for r in request.records}
        # of what the client keeps back, the gate says nothing
        reasons = {i: reason for i, reason in reasons.items() if reason != "released-no"}
        permitted = [i for i, reason in reasons.items() if reason is None]
        return DisclosureAnswer(
            decision=Decision.PERMIT if permitted or not reasons else Decision.DENY,
            entries=entry,
            records=tuple(
                RecordOutcome(
                    record_id=i,
                    decision=Decision.PERMIT if reason is None else Decision.DENY,
                    reason=reason or "consent",
                    may_know=True,
                    erased=i in self.erased,
                )
                for i, reason in reasons.items()
            ),
            ratings=self.ratings or _ratings(self.denies_all),
            keys=tuple(key_of(i) for i in permitted if i not in self.erased),
            may_know=True,
        )

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        return PolicyConfirmation(tenant=tenant, applied=sequence)

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        raise NotImplementedError


@dataclass
class Memory:
    """Answered ratings, and what was appended."""

    ratings: list[tuple[AnsweredRow, float | None]] = field(default_factory=list)
    scheduled_sessions: set[UUID] = field(default_factory=set)
    appended: list[StreamAppend] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)

    async def append(
        self,
        tenant: str,
        appends: Any,
        *,
        statements: Any = (),
        inbox: InboxMark | None = None,
    ) -> dict[str, int]:
        for one in appends:
            if one.expected_version == 0 and one.stream in self.streams:
                raise VersionConflict
            self.streams.add(one.stream)
        self.appended += appends
        self.statements += statements
        return {}


class FakeIndex:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def answered(self, tenant: str, client_id: UUID, instrument: str, until: int | None = None) -> list[AnsweredRow]:
        return [row for row, _ in self._memory.ratings if until is None or row.ord <= until]

    async def answers(self, tenant: str, administrations: Any) -> dict[UUID, AdministrationAnswered]:
        return {row.id: _event(row, total) for row, total in self._memory.ratings if row.id in set(administrations)}

    async def is_scheduled(self, tenant: str, session_id: UUID) -> bool:
        return session_id in self._memory.scheduled_sessions

    def assessed_row(self, tenant: str, administration_id: UUID) -> Statement:
        return Statement("assessed", (administration_id,))

    def rows_of(self, tenant: str, event: Any) -> tuple[Statement, ...]:
        return (Statement("requested", (event.administration_id,)),)

    def scheduled_row(self, tenant: str, session_id: UUID) -> Statement:
        return Statement("scheduled", (session_id,))


PARTS = Parts(
    database=None,
    transport=cast(Any, None),
    signer=EventSigner(ServiceKeys.from_seed(ServiceName.ALLIANCE, bytes(32))),
    verifier=cast(Any, None),
    tokens=cast(Any, None),
    gate=None,
    now=lambda: NOW,
    new_id=uuid4,
    random=random,
    public_url="http://127.0.0.1:8100",
    secret=bytes(32),
)


def desk(gate: RecordingGate, memory: Memory, settings: Settings | None = None) -> CourseDesk:
    """For courses and their job."""
    chosen = settings or Settings()
    return CourseDesk(*_every(gate, memory), _anything(FakeIndex(memory)), _anything(None), load(), chosen.strain)


def asking_desk(gate: RecordingGate, memory: Memory, settings: Settings | None = None) -> AdministrationDesk:
    """For administrations and their choreography."""
    chosen = settings or Settings()
    risks = (_anything(None), load())
    scheduled, most = chosen.scheduled_instrument, chosen.most_items_a_day
    return AdministrationDesk(*_every(gate, memory), *risks, _anything(FakeIndex(memory)), scheduled, most, chosen.link_lasts)


def _anything(value: object) -> Any:
    return value


def _every(gate: RecordingGate, memory: Memory) -> tuple[Any, Any, Any, Any, Any]:
    return PARTS, gate, memory, Amendments(cast(Any, memory)), None


def ratings(client_id: UUID, totals: Any) -> list[tuple[AnsweredRow, float | None]]:
    numbers = count(1)
    return [(AnsweredRow(uuid4(), n := next(numbers), client_id, None, NOW + timedelta(days=n)), total) for total in totals]


def due_of(memory: Memory, place: int = -1) -> Due:
    row, _ = memory.ratings[place]
    return Due(row.id, row.client_id, "wai-sr", row.ord)


def _event(row: AnsweredRow, total: float | None) -> AdministrationAnswered:
    """As it comes from the store: sealed, closed."""
    event = AdministrationAnswered(
        client_id=row.client_id,
        administration_id=row.id,
        instrument="wai-sr",
        instrument_version=1,
        rater=Rater.CLIENT,
        answers=Sealed({"1": 3}),
        result=Sealed(Result(scores={"total": total})),
        at=row.answered_at,
    )
    meta = WriteMeta(TENANT, "tova", "client", 1, "r")
    new = record_event(event, parts=PARTS, call_meta=meta, key=key_of(str(row.id)))
    loaded = EVENT_TYPES.load(tenant=TENANT, event_type=new.type, schema_version=1, event_id=new.event_id, data=new.data)
    assert isinstance(loaded, AdministrationAnswered)
    return loaded

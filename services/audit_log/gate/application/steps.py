"""The steps of the gate, each behind its own port, so that a test can take one out and show what then leaks (ADR 0030)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.circumstances import Circumstances
from services.audit_log.decision.domain.question import Verdict
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.ledger.application.ports import Erased
from services.audit_log.ledger.domain.entry import Entry
from shared.contracts.disclosure import DisclosureRequest, Exclusion, IndexKey, Ratings, RecordKey, Refusal, ReleaseView
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement


class Refused(Exception):
    """The whole request is refused; `reason` is a code for the ledger."""

    def __init__(self, refusal: Refusal, reason: str) -> None:
        super().__init__(reason)
        self.refusal, self.reason = refusal, reason


class ClaimDiffers(Refused):
    """A service claims about records what the registry does not say: an alarm."""

    def __init__(self, reason: str, record_ids: Sequence[str]) -> None:
        super().__init__(Refusal.REGISTRY, reason)
        self.record_ids = tuple(record_ids)


@dataclass(frozen=True, slots=True)
class PurposeOfUse:
    code: str
    defaulted: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the steps before the decision left it."""

    service: ServiceName
    request: DisclosureRequest
    agent: Agent
    purpose: PurposeOfUse
    records: tuple[BoundRecord, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    records: tuple[Verdict, ...]
    """one for each record, in order"""
    subjects: tuple[Verdict, ...]
    """one for each subject of a search, in order; of a lookup one, about nobody yet"""
    may_know: bool = False
    """whether the caller may know the client they search"""
    ratings: Ratings | None = None
    """what would become of an alliance rating made now; searches of alliance_measurement alone"""
    release: ReleaseView | None = None
    """the client's choice, for the client"""
    exclusions: tuple[Exclusion, ...] = ()
    """what is left out of an export, with its ground"""
    circumstances: Circumstances = field(default_factory=Circumstances)


class IdentityStep(Protocol):
    def agent(self, service: ServiceName, request: DisclosureRequest, now: datetime) -> Agent:
        """Who asks, verified by the gate itself. Refused."""


class RegistryStep(Protocol):
    async def bind(
        self, service: ServiceName, request: DisclosureRequest, agent: Agent, now: datetime
    ) -> tuple[BoundRecord, ...]:
        """The records as the registry knows them; for a create as it will. ClaimDiffers."""

    def statements(self, tenant: str, created: Sequence[BoundRecord]) -> tuple[Statement, ...]:
        """Rows to write in the ledger's own transaction."""

    def learn(self, tenant: str, created: Sequence[BoundRecord]) -> None:
        """The rows are durable."""


class PurposeStep(Protocol):
    def of(self, agent: Agent, claimed: str | None) -> PurposeOfUse:
        """Refused where the role may not claim it."""


class FreshnessStep(Protocol):
    async def prove(self, tenant: str) -> int:
        """The policy sequence to decide by. Refused (stale) where nothing proves it to be the newest."""


class PolicyStep(Protocol):
    async def decide(self, asked: Asked) -> Decided: ...


class LedgerStep(Protocol):
    async def write(self, tenant: str, entries: Sequence[Entry], statements: Sequence[Statement] = ()) -> tuple[int, ...]:
        """Indexes, durable when it returns. UniqueViolation, GateUnavailable."""


class ScopeStep(Protocol):
    """Which keys leave: one for each permitted record that the request names, and no other."""

    async def new(self, tenant: str, record: BoundRecord) -> RecordKey:
        """Key of a record that is about to be made. KeyFenced, GateUnavailable."""

    async def keys(self, tenant: str, records: Sequence[BoundRecord], verdicts: Sequence[Verdict]) -> list[RecordKey | Erased]:
        """Keys of the permitted records. GateUnavailable."""

    async def index(self, asked: Asked) -> tuple[IndexKey, ...]:
        """Keys of the tenant's index of clients, for the fields that a permitted request asks for. GateUnavailable."""

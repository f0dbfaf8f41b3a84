"""The gate's own registry: what each record is, bound once at its creation and never changed."""

from dataclasses import dataclass
from datetime import date, datetime

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.records import ALLIANCE_RATING, RECORD_TYPES, KeyClass, RecordType, ServiceName
from shared.identity.roles import Role


@dataclass(frozen=True, slots=True)
class BoundRecord:
    """One row of the registry. Every later decision uses it, never the claim of a service."""

    record_id: str
    client_id: str
    record_type: RecordType
    author: str | None
    """`sub` of the author; of an administration its rater (the client's id where the client rates); of a relationship the
    practitioner it is about; of a risk alert the person who is told"""
    labels: frozenset[str]
    service: ServiceName
    kid: str
    """id of the data key; empty until a create has it"""
    created_at: datetime
    """when it was recorded"""
    link_digest: str | None = None
    answered_at: datetime | None = None
    """of an administration: when the gate heard that it was answered, by its own clock"""
    cared_on: date | None = None
    """the day, at the place, of the care that it speaks of; None where nobody said: then that is when it was recorded"""

    @property
    def said_at(self) -> datetime | None:
        """When what it holds was said: an administration is made by who asks, its answer comes later. None while it is open."""
        return self.answered_at if self.record_type is RecordType.ADMINISTRATION else self.created_at

    @property
    def dated(self) -> datetime:
        """The time by which a consent or restriction on data of a period reaches it where no day of care is known: who asks
        early moves nothing (ADR 0038)."""
        return self.said_at or self.created_at

    @property
    def key_class(self) -> KeyClass:
        return RECORD_TYPES[self.record_type].key_class

    @property
    def is_alliance_rating(self) -> bool:
        return ALLIANCE_RATING in self.labels

    def is_authored_by(self, agent: Agent) -> bool:
        """Whether the agent wrote it. A client's own rating names the client's id, which is no staff member's `sub`."""
        if agent.kind is not AgentKind.PERSON or self.author is None:
            return False
        if agent.role is Role.CLIENT:
            return agent.is_client(self.client_id) and self.author in (self.client_id, agent.id)
        return agent.role is not Role.REPRESENTATIVE and self.author == agent.id and self.author != self.client_id


def rating_made_now(client_id: str, now: datetime) -> BoundRecord:
    """A rating that does not exist, to ask what would become of one: the answer must not depend on whether there are any."""
    return BoundRecord(
        record_id="",
        client_id=client_id,
        record_type=RecordType.ADMINISTRATION,
        author=client_id,
        labels=frozenset({ALLIANCE_RATING}),
        service=ServiceName.ALLIANCE,
        kid="",
        created_at=now,
        answered_at=now,
    )

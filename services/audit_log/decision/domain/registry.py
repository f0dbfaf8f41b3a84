"""The gate's own registry: what each record is, bound once at its creation and never changed."""

from dataclasses import dataclass
from datetime import datetime

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
    practitioner it is about"""
    labels: frozenset[str]
    service: ServiceName
    kid: str
    """id of the data key; empty until a create has it"""
    created_at: datetime
    link_digest: str | None = None

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

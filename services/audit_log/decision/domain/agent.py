"""Who asks the gate: a person with a token, the bearer of a one-time answering link, or a registered job."""

from dataclasses import dataclass

from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.identity.roles import Role


@dataclass(frozen=True, slots=True)
class Agent:
    kind: AgentKind
    id: str
    """`sub` of a person or system, name of a job, administration id of a link"""
    role: Role | None = None
    name: str = ""
    client_id: str | None = None
    """the client that the person is (role client) or acts for (role representative)"""
    link_digest: str | None = None
    """SHA-256 (hex) of the link's secret"""
    scopes: frozenset[str] = frozenset()
    """of the token"""
    registration: str | None = None
    """id of the registration by which a record system is trusted"""
    solo: bool | None = None
    """whether a token that holds several roles is that of a solo practice's practitioner; None: it holds one role"""

    @property
    def label(self) -> str:
        """As the ledger names it."""
        return self.id if self.kind is AgentKind.PERSON else f"{self.kind}:{self.id}"

    def is_client(self, client_id: str) -> bool:
        """Whether this is that client in person."""
        return self.role is Role.CLIENT and self.client_id == client_id

    def represents(self, client_id: str) -> bool:
        return self.role is Role.REPRESENTATIVE and self.client_id == client_id

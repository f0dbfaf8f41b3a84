"""Who asks the gate: a person with a token, the bearer of a one-time answering link, or a registered job."""

from dataclasses import dataclass
from enum import StrEnum

from shared.identity.roles import Role


class AgentKind(StrEnum):
    PERSON = "person"
    LINK = "link"
    JOB = "job"


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

    @property
    def label(self) -> str:
        """As the ledger names it."""
        return self.id if self.kind is AgentKind.PERSON else f"{self.kind}:{self.id}"

    def is_client(self, client_id: str) -> bool:
        """Whether this is that client in person."""
        return self.role is Role.CLIENT and self.client_id == client_id

    def represents(self, client_id: str) -> bool:
        return self.role is Role.REPRESENTATIVE and self.client_id == client_id

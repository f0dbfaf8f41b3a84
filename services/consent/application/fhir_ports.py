"""What a conditional create needs of the database."""

from typing import Protocol
from uuid import UUID

from shared.eventstore.model import Statement


class ConditionalCreates(Protocol):
    """Two conditional creates for one client never both find nothing: each takes a turn, and a turn is taken once."""

    async def turn(self, tenant: str, client_id: UUID) -> int:
        """The turn that is free now; read before the search."""

    def taken(self, tenant: str, client_id: UUID, turn: int) -> Statement:
        """Takes it, in the transaction of the create. UniqueViolation of `conditional_creates_pkey` where another one did."""

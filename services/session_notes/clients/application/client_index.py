"""The index by which clients are looked up, as its users see it: tokens, never words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from services.session_notes.clients.domain.clients import ClientIdentity
from services.session_notes.clients.domain.lookup import SPELLING, tokens_of
from shared.contracts.disclosure import IndexField, IndexKey
from shared.eventstore.model import Statement

FIELDS: Final = tuple(IndexField)


@dataclass(frozen=True, slots=True)
class Token:
    client_id: UUID
    field: IndexField
    kid: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """How far a tenant's tokens are made anew."""

    kid: str
    """of the key under which they are to stand"""
    after: UUID | None
    """the last client that is done"""
    done: bool
    spelling: int = SPELLING
    """the rule by which names were folded for them"""

    @property
    def finished(self) -> bool:
        return self.done and self.spelling == SPELLING


class ClientIndex(Protocol):
    async def candidates(self, tenant: str, field: IndexField, tokens: Sequence[tuple[str, bytes]], limit: int) -> list[UUID]:
        """Clients with one of these tokens, each with its key id."""

    async def work(self, tenant: str) -> Work | None:
        """None where the tenant has no index yet."""

    async def tenants(self) -> list[str]:
        """Tenants that have an index."""

    async def clients_after(self, tenant: str, after: UUID | None, limit: int) -> list[UUID]:
        """In the order of their ids."""

    def rows_of(self, tenant: str, tokens: Sequence[Token]) -> tuple[Statement, ...]:
        """Of a client who is just being registered."""

    def begun(self, tenant: str, kid: str) -> tuple[Statement, ...]:
        """The index of a tenant that has none: nothing to make anew where there is no client yet. To come before the first."""

    def under(self, tenant: str, kid: str) -> tuple[Statement, ...]:
        """From now on the tenant's tokens are to stand under this key, in the spelling of this release."""

    def made_anew(self, tenant: str, work: Work, clients: Sequence[UUID], tokens: Sequence[Token]) -> tuple[Statement, ...]:
        """New tokens in place of all old ones of these clients, none for whoever was erased; the work moves on behind them. To be
        written while the stream of erasures is held."""

    def finished(self, tenant: str, work: Work) -> Statement:
        """Nothing is left to do under that key."""


def tokens_for(client_id: UUID, identity: ClientIdentity, keys: Iterable[IndexKey]) -> list[Token]:
    """A client's tokens under current keys."""
    current = [key for key in keys if key.current]
    return [Token(client_id, key.field, key.kid, token) for key in current for token in sorted(tokens_of(identity, key))]

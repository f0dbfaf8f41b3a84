"""Reports and verifications as the API asks for them: made in a process of their own (ADR 0029)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Protocol

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.turns import Place
from services.audit_log.ledger.domain.verification import Report


@dataclass(frozen=True, slots=True)
class Handout:
    """What a document for the client carries above its sentences. The client's name comes from whoever asks for the document: it
    is printed, and kept nowhere."""

    practice: str
    address: str
    zone: str
    """IANA name: its days are days there"""
    client: str
    by: str


@dataclass(frozen=True, slots=True)
class Order:
    """A bundle that is to be made."""

    tenant: str
    by: str
    """`sub` of who asked"""
    report: str
    query: dict[str, Any]
    """as it was asked, for the manifest"""
    filters: Filters
    own: bool
    """for the client whose record it is"""
    made_at: datetime
    handout: Handout | None = None
    """a PDF in sentences is made in place of a bundle"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`file` is open at its beginning, and is gone once `close` was called."""

    file: IO[bytes]
    size: int
    sha256: str
    rows: int
    leave: Callable[[], None] = field(repr=False)
    """gives up place and disk"""

    def close(self) -> None:
        """May be called again."""
        self.file.close()
        self.leave()


class Reports(Protocol):
    def take(self, tenant: str, person: str) -> Place:
        """A place for one piece of work. Raises Busy."""

    async def bundle(self, place: Place, order: Order) -> Bundle:
        """Keeps the place until the bundle is closed; leaves it where it raises: Busy, TooMany, NotYetSigned,
        LedgerUnavailable."""

    async def verify(self, place: Place) -> Report:
        """The whole log of the place's tenant. Leaves the place. Raises LedgerUnavailable."""

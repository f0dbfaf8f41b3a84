"""The event store's port."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.eventstore.model import InboxMark, Snapshot, Statement, StoredEvent, StreamAppend


class EventStore(Protocol):
    async def append(
        self,
        tenant: str,
        appends: Sequence[StreamAppend],
        *,
        statements: Sequence[Statement] = (),
        inbox: InboxMark | None = None,
    ) -> dict[str, int]:
        """All or nothing, durable when it returns: the new version of each stream.

        Raises VersionConflict, AlreadyHandled, UniqueViolation, Overloaded, StoreUnavailable.
        """

    async def read_stream(
        self,
        tenant: str,
        stream: str,
        *,
        after: int = 0,
        until_version: int | None = None,
        until: datetime | None = None,
    ) -> list[StoredEvent]:
        """Events of a stream in order, from version `after` + 1; empty where there is none."""

    async def read_from_snapshots(
        self, tenant: str, streams: Sequence[str], *, form: str, fold: int
    ) -> dict[str, tuple[Snapshot | None, list[StoredEvent]]]:
        """For each stream the snapshot of that form and fold, where there is one, and the events behind it: by one query, as of
        one moment. A snapshot of another form or fold is deleted, and the stream read whole.
        """

    async def version(self, tenant: str, stream: str) -> int:
        """Newest version of a stream; 0 where there is none."""

    async def fetch(self, tenant: str, sql: str, *args: Any) -> list[Mapping[str, Any]]:
        """Rows of a query (asyncpg placeholders) under the tenant's row-level security."""

    async def ready(self) -> bool:
        """Whether the database answers."""

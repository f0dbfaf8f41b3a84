"""The gate's way around a silent topic: the policy changes after a sequence, straight from the stream."""

from typing import Final

from pydantic import TypeAdapter

from shared.contracts.consent_policy import POLICY_STREAM, PolicyChange, PolicyFeedItem, PolicyFeedPage
from shared.eventstore.store import EventStore

PAGE: Final = 500
"""changes in one page"""

_CHANGE: Final[TypeAdapter[PolicyChange]] = TypeAdapter(PolicyChange)


class PolicyFeedReader:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        """Up to 500 changes from sequence `after` + 1, in order, and the head as it was before they were read."""
        head = await self._store.version(tenant, POLICY_STREAM)
        stored = []
        if after < head:
            stored = await self._store.read_stream(tenant, POLICY_STREAM, after=after, until_version=min(after + PAGE, head))
        items = tuple(
            PolicyFeedItem(sequence=e.version, event_id=e.event_id, change=_CHANGE.validate_json(e.data)) for e in stored
        )
        return PolicyFeedPage(tenant=tenant, items=items, head=head)

"""What is known about a client and a caller when something is signed, refused or withdrawn."""

from datetime import datetime
from typing import Final
from uuid import UUID

from services.consent.application.ports import RecordIndex
from services.consent.application.streams import load_capacity, load_representative
from services.consent.domain.capacity import Capacity
from services.consent.domain.representative import Representative
from services.consent.domain.standing import Standing
from shared.contracts.records import RecordType
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.identity.roles import Role

MOST: Final = 200
"""representatives of one client that are looked at"""


class Standings:
    def __init__(self, store: EventStore, index: RecordIndex) -> None:
        self._store, self._index = store, index

    async def of(self, call: Call, client_id: UUID, now: datetime) -> Standing:
        people = await self.representatives(call.tenant, client_id)
        capacity = await self.capacity(call.tenant, client_id)
        powers = None
        if people and call.principal.role is Role.REPRESENTATIVE:
            mine = [p for p in people if p.appointed.person == call.principal.sub and p.current(now)]
            powers = frozenset(power for p in mine for power in p.appointed.may)
        return Standing(
            minor=any(p.appointed.for_minority and p.current(now) for p in people),
            incapacitated_since=capacity.lost_since if capacity else None,
            powers=powers,
        )

    async def representatives(self, tenant: str, client_id: UUID) -> list[Representative]:
        places = await self._index.page(tenant, RecordType.REPRESENTATIVE, client_id, before=None, limit=MOST)
        return [await load_representative(self._store, tenant, p.record_id) for p in places]

    async def capacity(self, tenant: str, client_id: UUID) -> Capacity | None:
        """None before anything was found."""
        return await load_capacity(self._store, tenant, client_id)

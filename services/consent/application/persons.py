"""A directory of those who work here: the name of a `sub`, as the identity provider last said it in a token that held.

Clients and representatives never enter it: that somebody is a client is what this system keeps. Their names stand sealed in
the records that they gave them to.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.identity.roles import Role
from shared.service.parts import Parts

STAFF: Final = frozenset(Role) - {Role.CLIENT, Role.REPRESENTATIVE}
REMEMBERED: Final = 10_000
"""names known to be written; one more call writes an older one again"""


@dataclass(frozen=True, slots=True)
class Person:
    sub: str
    name: str
    role: str
    seen_at: datetime
    """when the name or the role last changed"""

    def view(self) -> dict[str, Any]:
        return {"sub": self.sub, "name": self.name, "role": self.role, "seen_at": self.seen_at.isoformat()}


class PersonTable(Protocol):
    def seen(self, tenant: str, person: Person) -> Statement: ...

    async def named(self, tenant: str, subs: Sequence[str]) -> Mapping[str, str]:
        """Names of those who are known."""

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[Person]:
        """In the order of `sub`, from the one after `after`."""


class Persons:
    def __init__(self, parts: Parts, store: EventStore, table: PersonTable) -> None:
        self._parts, self._store, self._table = parts, store, table
        self._known: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    async def learn(self, call: Call) -> None:
        """Writes the caller's name where it is new; nothing for clients, representatives and tokens without a name."""
        p = call.principal
        name = " ".join(p.name.split())
        if p.role not in STAFF or not name or self._known.get((p.tenant, p.sub)) == (name, p.role):
            return
        person = Person(p.sub, name, str(p.role), self._parts.now())
        await self._store.append(p.tenant, (), statements=(self._table.seen(p.tenant, person),))
        self._known[p.tenant, p.sub] = (name, p.role)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def names(self, tenant: str, subs: Sequence[str]) -> Mapping[str, str]:
        return await self._table.named(tenant, sorted(set(subs))) if subs else {}

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[Person]:
        return await self._table.page(tenant, after, limit)

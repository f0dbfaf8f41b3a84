"""The directory's table: the last name of each person, replaced where it changes, so that an old one is gone."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.consent.application.persons import Person
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

_SEEN: Final = """
INSERT INTO persons (tenant_id, sub, name, role, seen_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, sub) DO UPDATE SET name = excluded.name, role = excluded.role, seen_at = excluded.seen_at
WHERE (persons.name, persons.role) IS DISTINCT FROM (excluded.name, excluded.role)
"""
_NAMED: Final = "SELECT sub, name FROM persons WHERE tenant_id = $1 AND sub = ANY($2::text[])"
_PAGE: Final = "SELECT sub, name, role, seen_at FROM persons WHERE tenant_id = $1 AND sub > $2 ORDER BY sub LIMIT $3"


class PostgresPersons:
    def __init__(self, store: EventStore) -> None:
        self._store = store

    def seen(self, tenant: str, person: Person) -> Statement:
        return Statement(_SEEN, (tenant, person.sub, person.name, person.role, person.seen_at))

    async def named(self, tenant: str, subs: Sequence[str]) -> Mapping[str, str]:
        return {r["sub"]: r["name"] for r in await self._store.fetch(tenant, _NAMED, tenant, list(subs))}

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[Person]:
        rows = await self._store.fetch(tenant, _PAGE, tenant, after, limit)
        return [Person(r["sub"], r["name"], r["role"], r["seen_at"]) for r in rows]

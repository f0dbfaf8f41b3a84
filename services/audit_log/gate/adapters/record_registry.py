"""Step ②: the registry of records. Rows are written once, in the ledger's own transaction, and never change; so they may be
kept in memory."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.application.steps import ClaimDiffers
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.disclosure import Action, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType, ServiceName
from shared.eventstore.model import Statement
from shared.eventstore.store import EventStore

CACHED: Final = 50_000
_SELECT: Final = """SELECT record_id, client_id, record_type, author, labels, service, kid, link_digest, created_at
FROM record WHERE tenant_id = $1 AND record_id = ANY($2::uuid[])"""
_INSERT: Final = """INSERT INTO record
(tenant_id, record_id, client_id, record_type, key_class, author, labels, service, kid, link_digest, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


class RecordRegistry:
    def __init__(self, store: EventStore, *, cached: int = CACHED) -> None:
        self._store, self._size = store, cached
        self._cache: OrderedDict[tuple[str, str], BoundRecord] = OrderedDict()

    async def bind(
        self, service: ServiceName, request: DisclosureRequest, agent: Agent, now: datetime
    ) -> tuple[BoundRecord, ...]:
        """See RegistryStep. For a create the rows as they will be; whether one exists already shows when they are written."""
        if request.action is Action.CREATE:
            return tuple(_new(ref, service, agent, now) for ref in request.records)
        known = await self._known(request.tenant, [r.record_id for r in request.records])
        missing = [r.record_id for r in request.records if r.record_id not in known]
        if missing:
            raise ClaimDiffers("record-not-bound", missing)
        differing = [r.record_id for r in request.records if not _agrees(r, known[r.record_id])]
        if differing:
            raise ClaimDiffers("claim-differs", differing)
        return tuple(known[r.record_id] for r in request.records)

    async def known(self, tenant: str, record_ids: Sequence[str]) -> dict[str, BoundRecord]:
        """Those of the records that are bound, by their ids."""
        return await self._known(tenant, record_ids)

    def statements(self, tenant: str, created: Sequence[BoundRecord]) -> tuple[Statement, ...]:
        return tuple(Statement(_INSERT, _row(tenant, record)) for record in created)

    def learn(self, tenant: str, created: Sequence[BoundRecord]) -> None:
        for record in created:
            self._cache[tenant, record.record_id] = record
        while len(self._cache) > self._size:
            self._cache.popitem(last=False)

    async def _known(self, tenant: str, record_ids: Sequence[str]) -> dict[str, BoundRecord]:
        found = {i: self._cache[tenant, i] for i in record_ids if (tenant, i) in self._cache}
        wanted = [UUID(i) for i in record_ids if i not in found]
        if wanted:
            rows = [_bound(row) for row in await self._store.fetch(tenant, _SELECT, tenant, wanted)]
            self.learn(tenant, rows)
            found.update((row.record_id, row) for row in rows)
        return found


def _new(ref: RecordRef, service: ServiceName, agent: Agent, now: datetime) -> BoundRecord:
    author = ref.author
    # of a relationship the author is the practitioner it is about: never assumed to be the caller
    if author is None and agent.kind is AgentKind.PERSON and ref.record_type is not RecordType.RELATIONSHIP:
        author = agent.id
    return BoundRecord(
        record_id=ref.record_id,
        client_id=ref.client_id,
        record_type=ref.record_type,
        author=author,
        labels=frozenset(ref.labels),
        service=service,
        kid="",
        created_at=now,
        link_digest=ref.link_digest,
    )


def _agrees(ref: RecordRef, bound: BoundRecord) -> bool:
    """Whatever a service claims has to be as it is bound; what it leaves out is no claim."""
    return (
        (ref.client_id, ref.record_type) == (bound.client_id, bound.record_type)
        and ref.author in (None, bound.author)
        and (not ref.labels or frozenset(ref.labels) == bound.labels)
        and ref.link_digest in (None, bound.link_digest)
    )


def _row(tenant: str, r: BoundRecord) -> tuple[Any, ...]:
    return (
        tenant,
        UUID(r.record_id),
        UUID(r.client_id),
        str(r.record_type),
        str(r.key_class),
        r.author,
        sorted(r.labels),
        str(r.service),
        r.kid,
        r.link_digest,
        r.created_at,
    )


def _bound(row: Mapping[str, Any]) -> BoundRecord:
    return BoundRecord(
        record_id=str(row["record_id"]),
        client_id=str(row["client_id"]),
        record_type=RecordType(row["record_type"]),
        author=row["author"],
        labels=frozenset(row["labels"]),
        service=ServiceName(row["service"]),
        kid=row["kid"],
        created_at=row["created_at"],
        link_digest=row["link_digest"],
    )

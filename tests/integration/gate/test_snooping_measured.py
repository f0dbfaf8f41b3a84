"""The snooping review measured on what it really reads: ledger, registry, policy, refusals and flags of likeness in PostgreSQL.
Planted are twenty kinds, five of each; every one stays a question, and at least 94 % of ordinary uses explain themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.adapters.record_registry import RecordRegistry
from services.audit_log.ledger.domain.entry import Entry, EntryRecord
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.application.judging import BURST, SEARCHED, Judging
from services.audit_log.officers.domain.access import Access, Known
from shared.contracts.consent_policy import RelationshipSet
from shared.contracts.records import RECORD_TYPES, RecordType
from shared.eventstore.model import Statement
from tests.integration.gate.gate_support import World
from tests.support.ledger import entry
from tests.unit.audit_log.review.practice import KINDS, Case, Practice

EACH = 5
EXPLAINED = 0.94
CHUNK = 500


@dataclass(frozen=True)
class Use:
    entry: Entry
    kind: str | None
    """of a planted one; empty for an ordinary one; None for what stands around a planted one"""


@pytest.mark.parametrize(
    ("clients", "ordinary"), [(160, 4_000), pytest.param(2_000, 100_000, marks=pytest.mark.long, id="a hundred thousand")]
)
async def test_every_planted_use_is_found_among_ordinary_ones(world: World, clients: int, ordinary: int) -> None:
    practice = Practice(11, clients=clients)
    planted = [replace(make(practice, practice.clients.pop()), kind=kind) for kind, make in KINDS.items() for _ in range(EACH)]
    facts = [(c.access.client_id, c.known) for c in planted] + [(c.id, c.known()) for c in practice.clients]
    await known(world, facts)
    uses = [use for case in planted for use in written(case)] + [working(c.access) for c in practice.ordinary(ordinary)]
    uses.sort(key=lambda use: use.entry.at)
    kinds: dict[int, str | None] = {}
    for begin in range(0, len(uses), CHUNK):
        some = uses[begin : begin + CHUNK]
        indexes = await world.service._ledger.append(world.tenant, [use.entry for use in some])
        kinds |= zip(indexes, (use.kind for use in some), strict=True)
    store = world.service._store
    await Judging(Judgements(store), world.service._policy, world.clock.now).all(world.tenant)
    rows = await store.fetch(world.tenant, "SELECT idx FROM review_question WHERE tenant_id = $1", world.tenant)
    asked = {r["idx"] for r in rows}
    assert sorted(kind for index, kind in kinds.items() if kind and index not in asked) == [], "explained away"
    assert sum(bool(kind) for kind in kinds.values()) == len(KINDS) * EACH == 100
    unexplained = sum(kind == "" and index in asked for index, kind in kinds.items())
    assert 0 < unexplained <= ordinary * (1 - EXPLAINED), unexplained


def working(access: Access) -> Use:
    """An ordinary use, at an hour at which this practice works."""
    return Use(_entry(replace(access, at=access.at.replace(hour=8 + access.at.hour % 11))), "")


def written(case: Case) -> Iterator[Use]:
    """A planted use, and what of its circumstances stands in the ledger."""
    access = case.access if case.access.grant is None else replace(case.access, grant=str(uuid4()))
    yield Use(_entry(access), case.kind)
    for at in case.known.refused.get(access.agent, ()):
        yield Use(replace(_entry(replace(access, at=at)), outcome="deny", reason="no-relationship", basis=()), None)
    for minutes, number, action in ((50, BURST if case.burst else 0, "read"), (5, SEARCHED if case.searched else 0, "search")):
        for n in range(number):
            at = access.at - timedelta(minutes=minutes) + timedelta(seconds=n)
            yield Use(_entry(replace(access, at=at, client_id=str(uuid4()), action=action)), None)


def _entry(a: Access) -> Entry:
    ids = [*a.records, *(str(uuid4()) for _ in a.record_types)]
    records = tuple(EntryRecord(i, t, t, "permit", "consent") for i, t in zip(ids, sorted(a.record_types), strict=False))
    basis = (f"grant:{a.grant}",) if a.grant else ("rule:consent",)
    return entry(
        at=a.at,
        action=a.action,
        purpose=a.purpose,
        records=records,
        basis=basis,
        agent=a.agent,
        agent_name=a.name,
        agent_role=a.role,
        client_id=a.client_id,
    )


async def known(world: World, facts: Iterable[tuple[str, Known]]) -> None:
    """What explains uses, where the service keeps it."""
    store = world.service._store
    registry, cases = RecordRegistry(store), CaseTable(store)
    statements: list[Statement] = []
    relationships: list[RelationshipSet] = []
    for client, of in facts:
        relationships += of.relationships
        statements += registry.statements(world.tenant, list(_records(client, of)))
        statements += [cases.tie(world.tenant, sub, client, list(ties), world.clock.now()) for sub, ties in of.ties.items()]
    for begin in range(0, len(relationships), CHUNK):  # a confirmation waits for a few seconds only
        await world.agreed(*relationships[begin : begin + CHUNK])
    for begin in range(0, len(statements), CHUNK):
        await store.append(world.tenant, [], statements=tuple(statements[begin : begin + CHUNK]))


def _records(client: str, of: Known) -> Iterator[BoundRecord]:
    labels = frozenset(label for label, holds in (("EMP", of.colleague), ("VIP", of.watched)) if holds)
    for work in of.work:
        record_type = RecordType(work.record_type)
        yield BoundRecord(
            record_id=work.record_id if _is_uuid(work.record_id) else str(uuid4()),
            client_id=client,
            record_type=record_type,
            author=work.author,
            labels=labels,
            service=RECORD_TYPES[record_type].owner,
            kid="k",
            created_at=work.at,
        )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

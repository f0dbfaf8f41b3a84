"""What the gate knows of consents and relationships: a fold of policy changes, in the order of the tenant's sequence.

Changes are kept with their sequence, so that a decision can be replayed as of the sequence that its ledger entry names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from services.audit_log.decision.domain.rules.index import ConsentIndex
from shared.contracts.consent_policy import (
    ConsentSet,
    ConsentStatus,
    PolicyChange,
    RelationshipRole,
    RelationshipSet,
    RepresentativeSet,
    RestrictionSet,
)


@dataclass(frozen=True)
class ClientPolicy:
    """Consents, relationships, representatives and restrictions of one client, each in its newest state."""

    consents: tuple[ConsentSet, ...] = ()
    relationships: tuple[RelationshipSet, ...] = ()
    representatives: tuple[RepresentativeSet, ...] = ()
    restrictions: tuple[RestrictionSet, ...] = ()
    given_at: Mapping[UUID, datetime] = field(default_factory=dict)
    """consent id → when it was first heard of: a later change of it does not make it newer"""

    @cached_property
    def index(self) -> ConsentIndex:
        """The consents, ready to be asked; made at the first question after a change."""
        return ConsentIndex(self.consents, self.given_at, self.representatives)

    @cached_property
    def _held(self) -> dict[str, tuple[RelationshipSet, ...]]:
        held: dict[str, list[RelationshipSet]] = {}
        for r in self.relationships:
            held.setdefault(r.practitioner_id, []).append(r)
        return {sub: tuple(of) for sub, of in held.items()}

    def relationships_of(self, sub: str, at: datetime) -> tuple[RelationshipSet, ...]:
        """Relationships of that person to the client which hold at that time."""
        return tuple(r for r in self._held.get(sub, ()) if r.start <= at and (r.end is None or at < r.end))

    def holds_role(self, sub: str, role: RelationshipRole, at: datetime) -> RelationshipSet | None:
        return next((r for r in self.relationships_of(sub, at) if r.role is role), None)

    def represented_by(self, sub: str) -> tuple[RepresentativeSet, ...]:
        """Every authority of that person to act for the client, ended ones included."""
        return tuple(r for r in self.representatives if r.person == sub)

    def restrictions_of(self, payer: str, at: datetime) -> tuple[RestrictionSet, ...]:
        """Restrictions towards that payer which hold at that time."""
        return tuple(r for r in self.restrictions if r.payer == payer and r.start <= at and (r.end is None or at < r.end))


NO_POLICY = ClientPolicy()


def fold(changes: Iterable[PolicyChange]) -> ClientPolicy:
    """The state after these changes: of each consent, relationship, representative and restriction the last one counts."""
    consents: dict[UUID, ConsentSet] = {}
    given_at: dict[UUID, datetime] = {}
    relationships: dict[UUID, RelationshipSet] = {}
    representatives: dict[UUID, RepresentativeSet] = {}
    restrictions: dict[UUID, RestrictionSet] = {}
    for change in changes:
        match change:
            case ConsentSet():
                consents[change.consent_id] = change
                given_at.setdefault(change.consent_id, change.at)
            case RelationshipSet():
                relationships[change.relationship_id] = change
            case RepresentativeSet():
                representatives[change.representative_id] = change
            case RestrictionSet():
                restrictions[change.restriction_id] = change
    return ClientPolicy(
        tuple(consents.values()),
        tuple(relationships.values()),
        tuple(representatives.values()),
        tuple(restrictions.values()),
        given_at,
    )


class TenantPolicy:
    """All policy of one tenant up to its `watermark`: the highest sequence below which none is missing."""

    def __init__(self) -> None:
        self.watermark = 0
        self._history: dict[str, list[tuple[int, PolicyChange]]] = {}
        self._folded: dict[str, ClientPolicy] = {}
        self._ahead: dict[int, PolicyChange] = {}

    def add(self, sequence: int, change: PolicyChange) -> bool:
        """Take a change; one that comes early waits for those before it. True where the watermark moved."""
        if sequence <= self.watermark:
            return False
        self._ahead[sequence] = change
        moved = False
        while (ready := self._ahead.pop(self.watermark + 1, None)) is not None:
            self.watermark += 1
            client = str(ready.client_id)
            self._history.setdefault(client, []).append((self.watermark, ready))
            self._folded.pop(client, None)
            moved = True
        return moved

    def client(self, client_id: str) -> ClientPolicy:
        """The client's policy at the watermark."""
        known = self._folded.get(client_id)
        if known is None:
            history = self._history.get(client_id)
            if history is None:
                return NO_POLICY
            known = self._folded[client_id] = fold(change for _, change in history)
        return known

    def read_strictly(self, now: datetime) -> tuple[ConsentSet, ...]:
        """Consents that hold now and of which something counts more strictly than it is written; the newest first."""
        held = (c for client in self._history for c in self.client(client).consents)
        found = [
            c
            for c in held
            if c.read_strictly
            and c.status is ConsentStatus.ACTIVE
            and c.period.start <= now
            and (c.period.end is None or now < c.period.end)
        ]
        return tuple(sorted(found, key=lambda c: (c.at, c.consent_id), reverse=True))

    def client_as_of(self, client_id: str, sequence: int) -> ClientPolicy:
        """The client's policy as it was at that sequence, for replaying a decision."""
        return fold(change for at, change in self._history.get(client_id, ()) if at <= sequence)

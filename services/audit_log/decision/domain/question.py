"""A question to the gate's rules, and their verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.grants import Grant
from services.audit_log.decision.domain.open_notes import Standings
from services.audit_log.decision.domain.organisation import ADDS_NOTHING, OrganisationPolicy
from services.audit_log.decision.domain.policy import NO_POLICY, ClientPolicy
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.release import UNCHOSEN, ReleaseChoice
from services.audit_log.decision.domain.rules.pack import Pack
from services.audit_log.decision.domain.rules.packs import DEFAULT_PACK
from shared.contracts.consent_policy import RelationshipSet, RepresentativeSet
from shared.contracts.disclosure import Action, Decision, Obligation
from shared.contracts.records import ServiceName


@dataclass(frozen=True, slots=True)
class Question:
    """May `agent` do `action` to `record`, for `purpose`, at `now`? Everything that the answer depends on stands here."""

    agent: Agent
    action: Action
    purpose: str
    record: BoundRecord
    now: datetime
    service: ServiceName
    policy: ClientPolicy = NO_POLICY
    release: ReleaseChoice = UNCHOSEN
    grants: tuple[Grant, ...] = ()
    law: Pack = DEFAULT_PACK
    organisation: OrganisationPolicy = ADDS_NOTHING
    notes: Standings = field(default_factory=dict)
    """of progress notes that a client, or who acts for them, asks for; one that does not stand here counts as a draft"""

    def relationships(self) -> tuple[RelationshipSet, ...]:
        """The agent's current relationships to the record's client."""
        return self.policy.relationships_of(self.agent.id, self.now)

    def grant(self) -> Grant | None:
        """The agent's current grant for this client and purpose that reaches furthest to this record."""
        holding = [
            g
            for g in self.grants
            if g.holds(sub=self.agent.id, client_id=self.record.client_id, purpose=self.purpose, now=self.now)
        ]
        return next((g for g in holding if g.opens(self.record)), holding[0] if holding else None)


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision
    reason: str
    """a code for the ledger and for services, never shown to a caller"""
    may_know: bool
    """whether the caller may learn that the record exists"""
    basis: tuple[str, ...]
    """rule, consent, relationship and grant ids that it rests on"""
    obligations: tuple[Obligation, ...] = ()

    @property
    def permitted(self) -> bool:
        return self.decision is Decision.PERMIT


def permit(reason: str, *basis: str, obligations: tuple[Obligation, ...] = ()) -> Verdict:
    return Verdict(Decision.PERMIT, reason, True, basis, obligations)


def deny(reason: str, *basis: str, may_know: bool) -> Verdict:
    return Verdict(Decision.DENY, reason, may_know, basis)


def relationship_ids(relationships: tuple[RelationshipSet, ...]) -> tuple[str, ...]:
    return tuple(f"relationship:{r.relationship_id}" for r in relationships)


def representative_ids(representatives: Iterable[RepresentativeSet]) -> tuple[str, ...]:
    return tuple(f"representative:{r.representative_id}" for r in representatives)

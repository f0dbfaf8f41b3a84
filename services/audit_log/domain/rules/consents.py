"""What consents say: each gives permit, deny or nothing, and deny overrides.

Within a consent the deepest provision that matches wins in its branch, and among siblings deny overrides. Where none
matches, a base of permit permits those who hold a current relationship to the client; a base of deny is a default that gives
nothing, not an override of other consents. Somebody without a relationship is permitted only by a provision that names them
as an actor, or names the role `ehr_system` where their token has it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.audit_log.domain.policy import ClientPolicy, covers
from services.audit_log.domain.question import Question
from shared.contracts.consent_policy import ConsentKind, ConsentSet, Provision
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass, RecordType
from shared.identity.roles import Role

EHR_SYSTEM: Final = "ehr_system"

KIND_COVERS: Final[dict[ConsentKind, frozenset[KeyClass]]] = {
    ConsentKind.TREATMENT: frozenset({KeyClass.IDENTITY, KeyClass.PROGRESS_NOTE}),
    ConsentKind.MEASUREMENT: frozenset({KeyClass.MEASURES}),
    ConsentKind.PSYCHOTHERAPY_NOTES: frozenset({KeyClass.PSYCHOTHERAPY_NOTE}),
}
"""every other kind covers the classes that its description names (`covers`), never psychotherapy notes"""

RESOURCE_NAMES: Final[dict[RecordType, frozenset[str]]] = {
    t: frozenset({t.value, *names})
    for t, names in {
        RecordType.CLIENT: ("patient",),
        RecordType.SESSION: ("encounter",),
        RecordType.PROGRESS_NOTE: ("documentreference",),
        RecordType.PSYCHOTHERAPY_NOTE: ("documentreference",),
        RecordType.CONSENT: (),
        RecordType.RELATIONSHIP: (),
        RecordType.REPRESENTATIVE: ("relatedperson",),
        RecordType.CAPACITY: (),
        RecordType.RESTRICTION: (),
        RecordType.AMENDMENT: (),
        RecordType.ADMINISTRATION: ("questionnaireresponse", "observation"),
        RecordType.OUTCOME: ("observation",),
        RecordType.RELEASE_CHOICE: (),
        RecordType.REPAIR_PROMPT: (),
    }.items()
}
"""names in lower case by which a provision may name a record type: its own and FHIR's; its key class counts as well"""

PART2_KINDS: Final = frozenset({ConsentKind.PART2_TPO, ConsentKind.PART2_COUNSELLING_NOTES})
TPO: Final = frozenset({"TREAT", "ETREAT", "COC", "HPAYMT", "HOPERAT"})


class Effect(StrEnum):
    PERMIT = "permit"
    DENY = "deny"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Asked:
    """What provisions are compared with."""

    sub: str
    roles: frozenset[str]
    """relationship roles held now, and `ehr_system` for a token of that role"""
    related: bool
    purpose: str
    action: Action
    resource: frozenset[str]
    labels: frozenset[str]
    created_at: datetime
    now: datetime

    @classmethod
    def of(cls, q: Question) -> "Asked":
        held = frozenset(r.role.value for r in q.relationships())
        system = {EHR_SYSTEM} if q.agent.role is Role.EHR_SYSTEM else set()
        return cls(
            sub=q.agent.id,
            roles=held | system,
            related=bool(held),
            purpose=q.purpose,
            action=q.action,
            resource=RESOURCE_NAMES[q.record.record_type] | {q.record.key_class.value},
            labels=q.record.labels,
            created_at=q.record.created_at,
            now=q.now,
        )


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    effect: Effect
    consents: tuple[UUID, ...] = ()
    """those that gave the effect"""
    part2: bool = False
    """permitted by a consent under 42 CFR Part 2: the notice goes with it"""


def consult(q: Question) -> ConsentAnswer:
    """What the client's active consents say together."""
    asked = Asked.of(q)
    effects = [
        (consent, consent_effect(consent, asked))
        for consent in q.policy.active_consents(q.now)
        if q.record.key_class in classes_of(consent)
    ]
    for wanted in (Effect.DENY, Effect.PERMIT):
        giving = [c for c, effect in effects if effect is wanted]
        if giving:
            part2 = wanted is Effect.PERMIT and any(c.kind in PART2_KINDS for c in giving)
            return ConsentAnswer(wanted, tuple(c.consent_id for c in giving), part2)
    return ConsentAnswer(Effect.NOTHING)


def classes_of(consent: ConsentSet) -> frozenset[KeyClass]:
    fixed = KIND_COVERS.get(consent.kind)
    if fixed is not None:
        return fixed
    named = set(consent.covers)
    return frozenset(k for k in KeyClass if k.value in named and k is not KeyClass.PSYCHOTHERAPY_NOTE)


def consent_effect(consent: ConsentSet, asked: Asked) -> Effect:
    """What one active consent says."""
    effect = _strictest([_provision_effect(p, asked, named=False) for p in consent.policy.provisions])
    if effect is Effect.NOTHING and consent.policy.base == "permit" and asked.related:
        effect = Effect.PERMIT
    if effect is Effect.PERMIT and consent.kind in PART2_KINDS and asked.purpose not in TPO:
        return Effect.NOTHING  # rule:law.42cfr2-legal
    return effect


def _provision_effect(p: Provision, asked: Asked, *, named: bool) -> Effect:
    if not _matches(p, asked):
        return Effect.NOTHING
    named = named or asked.sub in p.actors or (EHR_SYSTEM in p.roles and EHR_SYSTEM in asked.roles)
    exception = _strictest([_provision_effect(child, asked, named=named) for child in p.provisions])
    if exception is not Effect.NOTHING:
        return exception
    if p.type == "deny":
        return Effect.DENY
    return Effect.PERMIT if asked.related or named else Effect.NOTHING


def _strictest(effects: list[Effect]) -> Effect:
    if Effect.DENY in effects:
        return Effect.DENY
    return Effect.PERMIT if Effect.PERMIT in effects else Effect.NOTHING


def _matches(p: Provision, asked: Asked) -> bool:
    return (
        (not p.actors or asked.sub in p.actors)
        and (not p.roles or not asked.roles.isdisjoint(p.roles))
        and (not p.purposes or asked.purpose in p.purposes)
        and (not p.actions or not _action_names(p, asked.action).isdisjoint(p.actions))
        and (not p.resource_types or not asked.resource.isdisjoint(n.lower() for n in p.resource_types))
        and (not p.labels or not asked.labels.isdisjoint(p.labels))
        and (p.period is None or covers(p.period, asked.now))
        and (p.data_period is None or covers(p.data_period, asked.created_at))
    )


def _action_names(p: Provision, action: Action) -> frozenset[str]:
    """A search reads; an export reads too, yet a permit to read is none to export."""
    if action is Action.SEARCH or (action is Action.EXPORT and p.type == "deny"):
        return frozenset({action.value, Action.READ.value})
    return frozenset({action.value})


def is_named(policy: ClientPolicy, sub: str, *, ehr_system: bool, now: datetime) -> ConsentSet | None:
    """An active consent with a provision that permits this actor (or EHR systems) by name: they may know the client."""

    def names(p: Provision) -> bool:
        here = p.type == "permit" and (sub in p.actors or (ehr_system and EHR_SYSTEM in p.roles))
        return here or any(map(names, p.provisions))

    return next((c for c in policy.active_consents(now) if any(map(names, c.policy.provisions))), None)

"""The consents of one client, walked through provision by provision, with what each said and why it did or did not win.

It gives what `index.py` gives, slowly and with reasons: a person reads it, and a property test holds the two together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.rules.anew import Recipients, may_lift, permitted_recipients, recipients_of
from services.audit_log.decision.domain.rules.asked import (
    AUTHORIZATIONS,
    MOST_RECENT,
    Asked,
    Heard,
    base_permits,
    classes_of,
    named,
    newest_first,
)
from services.audit_log.decision.domain.rules.dialects import Node, Says, covers, normal, purposes_named, stronger
from services.audit_log.decision.domain.rules.pack import ConsentLimit
from shared.contracts.consent_policy import ConsentSet, ConsentStatus
from shared.contracts.records import KeyClass


@dataclass(frozen=True, slots=True)
class ProvisionSeen:
    pointer: str
    read_as: Says
    """as its dialect counts it"""
    unmet: tuple[str, ...]
    """conditions that did not hold; empty where it matched"""
    said: Says
    note: str = ""
    inner: tuple["ProvisionSeen", ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentSeen:
    consent: ConsentSet
    said: Says
    why: str
    """in words"""
    counted: bool = False
    """whether it was among those whose answers were combined"""
    won: bool = False
    provisions: tuple[ProvisionSeen, ...] = ()
    redact: frozenset[str] = field(default=frozenset())
    denies_to: frozenset[Recipients] = field(default=frozenset())
    """whom the denials that matched name"""
    permits_to: frozenset[Recipients] = field(default=frozenset())
    """whom its permissions name"""
    lifted: bool = False
    """whether its denial gave way to a later consent"""


def walk(
    policy: ClientPolicy, asked: Asked, key_class: KeyClass, limits: Sequence[ConsentLimit] = ()
) -> tuple[Heard, tuple[ConsentSeen, ...]]:
    """What the consents say together, and what was seen of each."""
    seen = [_consent(c, asked, key_class, limits) for c in policy.consents]
    giving_way = [
        (s.consent, policy.given_at.get(s.consent.consent_id, s.consent.at))
        for s in seen
        if s.counted and s.consent.policy.combining == MOST_RECENT and (s.said is not Says.NOTHING or s.redact)
    ]
    newest = {c.consent_id for c in newest_first(giving_way)[:1]}
    seen = [
        replace(s, counted=False, why=f"{s.why}; it combines as most-recent, and a newer consent of its like spoke")
        if s.counted and s.consent.policy.combining == MOST_RECENT and s.consent.consent_id not in newest
        else s
        for s in seen
    ]
    seen = [_anew(s, seen, policy, asked) for s in seen]
    for says in (Says.DENY, Says.PERMIT):
        if any(s.counted and s.said is says and not s.lifted for s in seen):
            won = tuple(replace(s, won=True) if s.counted and s.said is says and not s.lifted else s for s in seen)
            redact = frozenset() if says is Says.DENY else _union(s.redact for s in won if s.counted)
            winners = [s.consent for s in won if s.won]
            return Heard(says, tuple(winners), redact, tuple(map(named, winners))), won
    return Heard(Says.NOTHING, (), _union(s.redact for s in seen if s.counted)), tuple(seen)


def _anew(denied: ConsentSeen, seen: Sequence[ConsentSeen], policy: ClientPolicy, asked: Asked) -> ConsentSeen:
    """The consent as lifted, where later ones permit those whom its denial names."""
    if not denied.counted or denied.said is not Says.DENY:
        return denied
    given = policy.given_at
    old = denied.consent
    later = [
        s
        for s in seen
        if s.counted
        and s.said is Says.PERMIT
        and given.get(s.consent.consent_id, s.consent.at) > given.get(old.consent_id, old.at)
        and may_lift(s.consent, old, policy.representatives, asked.now)
    ]
    if not all(any(to in s.permits_to for s in later) for to in denied.denies_to):
        return denied
    by = ", ".join(named(s.consent) for s in later if not s.permits_to.isdisjoint(denied.denies_to))
    return replace(denied, lifted=True, why=f"{denied.why}; agreed anew: {by} was given later and permits it")


def _consent(consent: ConsentSet, asked: Asked, key_class: KeyClass, limits: Sequence[ConsentLimit]) -> ConsentSeen:
    if consent.status is not ConsentStatus.ACTIVE:
        return ConsentSeen(consent, Says.NOTHING, f"it is {consent.status}")
    if not covers(consent.period, asked.now):
        return ConsentSeen(consent, Says.NOTHING, "its period does not hold at that time")
    if key_class not in classes_of(consent):
        return ConsentSeen(consent, Says.NOTHING, f"a consent of kind {consent.kind} does not cover {key_class}")
    nodes = normal(consent.policy)
    meant = asked.related and consent.kind not in AUTHORIZATIONS
    provisions = tuple(_provision(node, asked, allowed=meant) for node in nodes)
    redact = _union(_redactions(node, seen) for node, seen in zip(nodes, provisions, strict=True))
    said = _strictest(p.said for p in provisions)
    said = Says.NOTHING if said is Says.EXCEPT else said
    why = f"its provisions say {said}"
    if said is Says.NOTHING:
        why = "no provision of it permits or denies this, and its base gives nothing"
        if consent.policy.base == "permit" and consent.kind in AUTHORIZATIONS:
            why = "no provision of it names this person or their role, and an authorization says to whom"
        elif consent.policy.base == "permit":
            said = Says.PERMIT if asked.related else Says.NOTHING
            why = "its base permits those who have a current relationship to the client" + (
                "" if asked.related else ", and there is none"
            )
    if said is Says.PERMIT:
        said, why = _withheld(consent, nodes, asked, limits) or (said, why)
    denies_to = frozenset(recipients_of(node) for node, p in zip(nodes, provisions, strict=True) if p.said is Says.DENY)
    permits_to = permitted_recipients(nodes, everybody=base_permits(consent))
    return ConsentSeen(consent, said, why, True, False, provisions, redact, denies_to, permits_to)


def _withheld(
    consent: ConsentSet, nodes: Sequence[Node], asked: Asked, limits: Sequence[ConsentLimit]
) -> tuple[Says, str] | None:
    """Why a permission of that consent counts for nothing here; None where it counts."""
    if asked.sub in consent.revoked_recipients:
        return Says.NOTHING, "it was withdrawn from this person or system alone"
    for limit in limits:
        if limit.binds(consent.kind, purposes_named(nodes), asked.purpose):
            return Says.NOTHING, f"it would permit, but {limit.rule} keeps a consent of kind {consent.kind} from it"
    return None


def _provision(node: Node, asked: Asked, *, allowed: bool) -> ProvisionSeen:
    unmet = tuple(_unmet(node, asked))
    if unmet:
        return ProvisionSeen(node.pointer, node.says, unmet, Says.NOTHING, node.note)
    allowed = allowed or asked.sub in node.actors or bool(node.roles)
    inner = tuple(_provision(child, asked, allowed=allowed) for child in node.children)
    said, note = _strictest(p.said for p in inner), node.note
    if said is Says.NOTHING and node.says in (Says.DENY, Says.EXCEPT):
        said = node.says
    elif said is Says.NOTHING and node.says is Says.PERMIT:
        said = Says.PERMIT if allowed else Says.EXCEPT
        note = note or ("" if allowed else "it names nobody, and there is no current relationship")
    return ProvisionSeen(node.pointer, node.says, (), said, note, inner)


def _redactions(node: Node, seen: ProvisionSeen) -> frozenset[str]:
    if seen.unmet:
        return frozenset()
    inner = _union(_redactions(n, s) for n, s in zip(node.children, seen.inner, strict=True))
    own = node.labels if node.says is Says.REDACT and seen.said is Says.NOTHING else frozenset()
    return inner | own


def _unmet(node: Node, asked: Asked) -> Iterable[str]:
    if node.actors and asked.sub not in node.actors:
        yield "actor"
    if node.roles and asked.roles.isdisjoint(node.roles):
        yield "role"
    if node.purposes and asked.purpose not in node.purposes:
        yield "purpose"
    if node.actions and asked.action not in node.actions:
        yield "action"
    if node.resources and asked.resource.isdisjoint(node.resources):
        yield "class"
    if node.labels and asked.labels.isdisjoint(node.labels):
        yield "label"
    if node.period is not None and not covers(node.period, asked.now):
        yield "period"
    if node.data_period is not None and not asked.concerned_by(node.data_period, node.says):
        yield "data period"


def _strictest(said: Iterable[Says]) -> Says:
    return reduce(stronger, said, Says.NOTHING)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)

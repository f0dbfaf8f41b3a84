"""To agree anew: a later consent lifts an earlier denial (ADR 0044).

It does so where it was given by the same grantor, or by who holds the power now; is of the same kind; names the same recipients;
and permits what is asked. Everything else leaves the denial as it is: another grantor's denial stands.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from services.audit_log.decision.domain.rules.dialects import Node, Says
from shared.contracts.consent_policy import ConsentSet, RepresentativeKind, RepresentativePower, RepresentativeSet

Recipients = frozenset[str]
"""actors and roles that a provision names; empty: everybody"""
_IN_PLACE: Final = frozenset({RepresentativeKind.PARENT, RepresentativeKind.GUARDIAN, RepresentativeKind.HEALTHCARE_PROXY})
"""who decides instead of the client while their authority holds; any other representative decides beside the client"""


def recipients_of(node: Node) -> Recipients:
    return node.actors | node.roles if node.actors and node.roles else node.actors or node.roles


def permitted_recipients(nodes: Iterable[Node], *, everybody: bool) -> frozenset[Recipients]:
    """Whom the permissions among these provisions name, nested ones included. `everybody`: the base permits as well."""
    return frozenset(_permitted(nodes, frozenset())) | ({frozenset[str]()} if everybody else frozenset())


def _permitted(nodes: Iterable[Node], above: Recipients) -> Iterable[Recipients]:
    for node in nodes:
        named = recipients_of(node) or above
        if node.says is Says.PERMIT:
            yield named
        if node.children:
            yield from _permitted(node.children, named)


def may_lift(new: ConsentSet, old: ConsentSet, representatives: Sequence[RepresentativeSet], now: datetime) -> bool:
    """Whether `new`, given later, may lift what `old` denies, as far as kind, form and grantor go."""
    if new.kind is not old.kind or (new.recipients != old.recipients and set(new.recipients) != set(old.recipients)):
        return False
    by_client = (new.consented_by == "client", old.consented_by == "client")
    if all(by_client):
        return True
    known = {r.person for r in representatives}
    deciding = {
        r.person
        for r in representatives
        if r.kind in _IN_PLACE and RepresentativePower.SIGN in r.may and r.start <= now and (r.end is None or now < r.end)
    }
    if not any(by_client):
        same = bool(new.granted_by) and new.granted_by == old.granted_by
        ended = old.granted_by in known - deciding
        return same or (ended and new.granted_by in deciding)
    if by_client[0]:  # the client decides alone again
        return old.granted_by in known and not deciding
    return new.granted_by in deciding and not old.confidential_from_representatives

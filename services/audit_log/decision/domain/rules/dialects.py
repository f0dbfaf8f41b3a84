"""A consent's provisions in one normal form, whatever dialect they were written in.

| dialect | the base | a nested provision |
|---|---|---|
| r4 | `policyRule`; the root provision has no type | says what its own type says |
| pcf (IHE) | the root's type | typed, one level; no action, class or code |
| r5 | `decision` | each level negates the one above |

A base that refuses (`Policy.refuses`) is a denial of everything, with the provisions as its exceptions. A denial counts wherever
it stands: it is taken out of the provisions around it, whose criteria do not narrow it (ADR 0042).

What a dialect does not know is never read in favour of opening: a permission that leans on it gives nothing, a denial holds
without it. Where a type contradicts its level in r5, a denial stays a denial and a permission gives nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from services.audit_log.decision.domain.rules.labels import REDACT, reach
from shared.contracts.codes import LABELS, RESOURCE_TYPES
from shared.contracts.consent_policy import Period, Policy, Provision
from shared.values.time import midnight


class Says(StrEnum):
    PERMIT = "permit"
    DENY = "deny"
    REDACT = "redact"
    EXCEPT = "except"
    """lifts the denial that it stands in, and permits nothing"""
    NOTHING = "nothing"


def stronger(one: Says, other: Says) -> Says:
    """Of what two provisions say beside each other."""
    return next((s for s in (Says.DENY, Says.PERMIT, Says.EXCEPT) if s in (one, other)), Says.NOTHING)


@dataclass(frozen=True, slots=True)
class Node:
    """One provision as it counts. An empty set means any."""

    pointer: str
    """JSON pointer into the consent's policy"""
    says: Says
    actors: frozenset[str]
    roles: frozenset[str]
    purposes: frozenset[str]
    actions: frozenset[str]
    """with what they imply: a search reads; a denial of reading denies export, a permission to read is none to export"""
    resources: frozenset[str]
    """in lower case"""
    labels: frozenset[str]
    """with everything under them"""
    period: Period | None
    data_period: Period | None
    children: tuple["Node", ...]
    note: str = ""
    """why it does not count as it is written"""


def covers(period: Period, at: datetime) -> bool:
    return period.start <= at and (period.end is None or at < period.end)


_ANY: Final = frozenset[str]()
_DENIALS: Final = frozenset({Says.DENY, Says.REDACT})
_REFUSAL: Final = Node("/base", Says.DENY, _ANY, _ANY, _ANY, _ANY, _ANY, _ANY, None, None, ())


def concerns(period: Period, cared_on: date | None, recorded_at: datetime, *, denies: bool) -> bool:
    """Whether a data period speaks of the care behind a record (ADR 0047): of its day, or of when it was recorded where no day is
    known. What only touches the period is denied with it, and not permitted by it."""
    if cared_on is None:
        return covers(period, recorded_at)
    first = midnight(cared_on)
    last = first + timedelta(days=1)
    if denies:
        return period.start < last and (period.end is None or first < period.end)
    return period.start <= first and (period.end is None or last <= period.end)


def normal(policy: Policy) -> tuple[Node, ...]:
    """The policy's provisions as they count: no denial stands within another provision."""
    nodes = tuple(_node(p, f"/provisions/{i}", policy, level=1, above=Says.PERMIT) for i, p in enumerate(policy.provisions))
    if policy.refuses:
        nodes = (replace(_REFUSAL, children=nodes, note="the base denies everything that no provision permits"),)
    return tuple([found for node in nodes for found in (_apart(node) if node.children else (node,))])


def _apart(node: Node) -> Iterator[Node]:
    """The provision without the denials in it, and after it each of these denials on its own."""
    yield replace(node, children=tuple(_without_denials(node.children)))
    for child in node.children:
        yield from _denials(child, framed=node.pointer != _REFUSAL.pointer)


def _denials(node: Node, *, framed: bool) -> Iterator[Node]:
    if node.says in _DENIALS:
        why = (node.note, "it denies wherever it stands: what is around it does not narrow it" if framed else "")
        note = "; ".join(filter(None, why))
        yield replace(node, children=tuple(_exceptions(node.children)), note=note)
    for child in node.children:
        yield from _denials(child, framed=True)


def _without_denials(nodes: Iterable[Node]) -> Iterator[Node]:
    """A denial stays as the condition of what it permits in it, and says nothing itself."""
    for node in nodes:
        children = tuple(_without_denials(node.children))
        if node.says not in _DENIALS:
            yield replace(node, children=children)
        elif children:
            yield replace(node, says=Says.NOTHING, children=children)


def _exceptions(nodes: Iterable[Node]) -> Iterator[Node]:
    """What lifts a denial that was taken out of its place: it permits only where it stood."""
    for node in nodes:
        if node.says is Says.PERMIT:
            yield replace(node, says=Says.EXCEPT, children=())
        elif node.says in _DENIALS and (inner := tuple(_exceptions(node.children))):
            yield replace(node, says=Says.NOTHING, children=inner)


def purposes_named(nodes: Iterable[Node]) -> frozenset[str]:
    """Purposes that the permissions among these provisions name; empty where one of them names none, and so means any."""
    found: set[str] = set()
    for node in _permissions(nodes):
        if not node.purposes:
            return frozenset()
        found |= node.purposes
    return frozenset(found)


def _permissions(nodes: Iterable[Node]) -> Iterator[Node]:
    """The outermost permissions, those within a denial included."""
    for node in nodes:
        if node.says is Says.PERMIT:
            yield node
        elif node.says is Says.DENY:
            yield from _permissions(node.children)


def _node(p: Provision, pointer: str, policy: Policy, *, level: int, above: Says) -> Node:
    says, note = _says(p, policy, level)
    says, note, resources, labels = _known(p, says, note)
    if above is Says.NOTHING and says is Says.PERMIT:
        says, note = Says.NOTHING, "stands under a provision that gives nothing"
    bare = policy.dialect == "pcf"
    actions = frozenset() if bare else _implied(frozenset(p.actions), says)
    return Node(
        pointer=pointer,
        says=says,
        actors=frozenset(p.actors),
        roles=frozenset(p.roles),
        purposes=frozenset(p.purposes),
        actions=actions,
        resources=frozenset() if bare else resources,
        labels=reach(labels, permits=says is Says.PERMIT),
        period=p.period,
        data_period=p.data_period,
        children=tuple(
            _node(child, f"{pointer}/provisions/{i}", policy, level=level + 1, above=says) for i, child in enumerate(p.provisions)
        ),
        note=note,
    )


def _known(p: Provision, says: Says, note: str) -> tuple[Says, str, frozenset[str], frozenset[str]]:
    """With its resource types (in lower case) and labels as they count. Older forms hold codes that nobody knows: in a denial
    such a code means any value, in a permission none."""
    resources, labels = frozenset(n.lower() for n in p.resource_types), frozenset(p.labels) - {REDACT}
    known_resources, known_labels = resources & _RESOURCES, labels & LABELS
    if (known_resources, known_labels) == (resources, labels):
        return says, note, resources, labels
    if says is Says.PERMIT:
        lost = (resources and not known_resources) or (labels and not known_labels)
        if lost:
            return Says.NOTHING, "it names a code that nobody knows: it permits nothing", resources, labels
        return says, "a code that nobody knows is permitted nothing", known_resources, known_labels
    said = "a code that nobody knows is denied as any value"
    any_label = known_labels != labels
    if says is Says.REDACT and any_label:
        says = Says.DENY
    return says, said, resources if known_resources == resources else frozenset(), frozenset() if any_label else labels


_RESOURCES: Final = frozenset(code.lower() for code in RESOURCE_TYPES)


def _says(p: Provision, policy: Policy, level: int) -> tuple[Says, str]:
    says, note = Says(p.type), ""
    if policy.dialect == "r5":
        by_level = (policy.base == "permit") == (level % 2 == 0)
        if by_level and says is Says.DENY:
            note = "r5 reads a permission here; its type says deny, and that stands"
        elif not by_level and says is Says.PERMIT:
            return Says.NOTHING, "r5 reads a denial here; its type says permit, so it gives nothing"
    if policy.dialect == "pcf":
        beyond = _beyond_pcf(p, level)
        if beyond and says is Says.PERMIT:
            return Says.NOTHING, f"pcf knows no {beyond}: a permission that leans on it gives nothing"
        if beyond:
            note = f"pcf knows no {beyond}: the denial holds without it"
    if REDACT not in p.labels:
        return says, note
    if says is Says.PERMIT:
        return Says.NOTHING, "an obligation to redact stands with a denial"
    return (Says.REDACT if len(set(p.labels)) > 1 else Says.DENY), note


def _beyond_pcf(p: Provision, level: int) -> str:
    if level > 1:
        return "second level"
    return "action or class" if p.actions or p.resource_types else ""


def _implied(actions: frozenset[str], says: Says) -> frozenset[str]:
    if "read" not in actions:
        return actions
    return actions | {"search"} | ({"export"} if says in (Says.DENY, Says.REDACT) else set())

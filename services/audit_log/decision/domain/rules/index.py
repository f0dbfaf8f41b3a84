"""Consents of one client, arranged so that a question is answered without walking through them (ADR 0032).

Every provision is one bit. For each facet (actor, role, purpose, action, class, label) a value leads to the provisions that speak
of it; those that match a question are the intersection. `walk.py` says the same thing provision by provision, with reasons; a
property test compares the two.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.audit_log.decision.domain.rules.anew import Recipients, may_lift, permitted_recipients, recipients_of
from services.audit_log.decision.domain.rules.asked import (
    AUTHORIZATIONS,
    MOST_RECENT,
    SILENCE,
    Asked,
    Heard,
    base_permits,
    classes_of,
    named,
    newest_first,
)
from services.audit_log.decision.domain.rules.dialects import (
    Node,
    Says,
    covers,
    normal,
    purposes_named,
    stronger,
)
from services.audit_log.decision.domain.rules.pack import ConsentLimit
from shared.contracts.codes import EHR_SYSTEM
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, RepresentativeSet
from shared.contracts.records import KeyClass

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Facet:
    any: int = 0
    by: dict[str, int] = field(default_factory=dict)

    def add(self, bit: int, values: frozenset[str]) -> None:
        if not values:
            self.any |= bit
        for value in values:
            self.by[value] = self.by.get(value, 0) | bit

    def of(self, value: str) -> int:
        return self.any | self.by.get(value, 0)

    def of_all(self, values: Iterable[str]) -> int:
        mask, by = self.any, self.by
        for value in values:
            mask |= by.get(value, 0)
        return mask


@dataclass(frozen=True, slots=True)
class _Entry:
    """One consent of the index."""

    consent: ConsentSet
    bit: int
    """among consents"""
    roots: int
    """bits of its root provisions"""
    nodes: int
    """bits of all its provisions"""
    given_at: datetime
    purposes: frozenset[str]
    """that its permissions name, where every one of them names some"""
    name: str
    """as a ledger entry names it"""
    permits_to: frozenset[Recipients]
    """whom its permissions name"""


@dataclass(frozen=True, slots=True)
class _Live:
    """What is active, of one key class, in a stretch of time in which no consent and no provision begins or ends."""

    entries: tuple[_Entry, ...]
    roots: int
    nodes: int
    """bits of all provisions that speak in that stretch"""
    permitting: int
    """bits of consents whose base permits"""
    recent: bool
    """whether one of them gives way to newer ones"""
    lifting: Mapping[int, int]
    """place of a denial → bits of the later consents by which it gives way; denials that give way to none are left out"""
    liftable: int
    """bits of the denials in `lifting`"""


class ConsentIndex:
    """Of consents that were given; immutable after it is made, except for what it remembers of the present stretch of time."""

    def __init__(
        self,
        consents: Sequence[ConsentSet],
        given_at: Mapping[UUID, datetime] | None = None,
        representatives: Sequence[RepresentativeSet] = (),
    ) -> None:
        """`given_at`: when each was first given, where that is not its `at`. `representatives`: of the client."""
        self._representatives = representatives
        self._actors, self._roles, self._purposes = _Facet(), _Facet(), _Facet()
        self._actions, self._resources, self._labels = _Facet(), _Facet(), _Facet()
        self._nodes: list[Node] = []
        self._children: list[tuple[int, ...]] = []
        self._leaves = dict.fromkeys(Says, 0)
        self._branching = self._dated = self._denials = 0
        self._periods: list[tuple[int, Period]] = []
        """of the provisions that have one, with their bits"""
        self._by_actor: dict[str, list[_Entry]] = {}
        self._by_system: list[_Entry] = []
        self._entries: list[_Entry] = []
        self._withdrawn: dict[str, int] = {}
        self._since, self._until = _NEVER, _NEVER
        self._live: dict[KeyClass, _Live] = {}
        self._limited: dict[tuple[ConsentLimit, str], int] = {}
        self._authorizing = 0
        """bits of the provisions of authorizations"""
        for consent in consents:
            if consent.status is ConsentStatus.ACTIVE:
                self._add(consent, (given_at or {}).get(consent.consent_id, consent.at))

    def consult(self, asked: Asked, key_class: KeyClass, limits: Sequence[ConsentLimit] = ()) -> Heard:
        """What the active consents that cover the class say together. `limits`: those that the law puts on this record."""
        if not self._since <= asked.now < self._until:
            self._live = self._live_at(asked.now)
        live = self._live.get(key_class)
        if live is None:
            return SILENCE
        denying, permitting, redacting = self._said(live, asked)
        excluded = self._withdrawn.get(asked.sub, 0)
        for limit in limits:
            excluded |= self._limited_by(limit, asked.purpose)
        base = live.permitting if asked.related else 0
        entries = live.entries
        if live.recent:
            entries = _counting(entries, denying | redacting, permitting, base, excluded)
        denied = [e for e in entries if e.roots & denying] if denying else ()
        if denied and not denying & live.liftable:
            return _heard(Says.DENY, denied)
        permitted = [e for e in entries if not e.bit & excluded and (e.roots & permitting or e.bit & base)]
        if denied:
            permitted = [e for e in permitted if not e.roots & denying]
            permits = sum(e.bit for e in permitted)
            denied = [e for e in denied if not all(live.lifting.get(d, 0) & permits for d in _bits(e.roots & denying))]
            if denied:
                return _heard(Says.DENY, denied)
        redact = self._redactions(redacting, entries) if redacting else frozenset()
        return _heard(Says.PERMIT if permitted else Says.NOTHING, permitted, redact)

    def naming(self, sub: str, *, ehr_system: bool, now: datetime) -> ConsentSet | None:
        """An active consent with a provision that permits this actor (or EHR systems) by name: they may know the client."""
        withdrawn = self._withdrawn.get(sub, 0)
        for entry in (*self._by_actor.get(sub, ()), *(self._by_system if ehr_system else ())):
            if covers(entry.consent.period, now) and not entry.bit & withdrawn:
                consent: ConsentSet = entry.consent
                return consent
        return None

    def _add(self, consent: ConsentSet, given_at: datetime) -> None:
        first, nodes = len(self._nodes), normal(consent.policy)
        roots = 0
        for node in nodes:
            roots |= 1 << self._add_node(node)
        every = (1 << len(self._nodes)) - (1 << first)
        if consent.kind in AUTHORIZATIONS:
            self._authorizing |= every
        entry = _Entry(
            consent,
            1 << len(self._entries),
            roots,
            every,
            given_at,
            purposes_named(nodes),
            named(consent),
            permitted_recipients(nodes, everybody=base_permits(consent)),
        )
        self._entries.append(entry)
        for sub in consent.revoked_recipients:
            self._withdrawn[sub] = self._withdrawn.get(sub, 0) | entry.bit
        permitting = [n for n in self._nodes[first:] if n.says is Says.PERMIT]
        for actor in {actor for node in permitting for actor in node.actors}:
            self._by_actor.setdefault(actor, []).append(entry)
        if any(EHR_SYSTEM in node.roles for node in permitting):
            self._by_system.append(entry)

    def _add_node(self, node: Node) -> int:
        place = len(self._nodes)
        bit = 1 << place
        self._nodes.append(node)
        self._children.append(())
        self._actors.add(bit, node.actors)
        self._roles.add(bit, node.roles)
        self._purposes.add(bit, node.purposes)
        self._actions.add(bit, node.actions)
        self._resources.add(bit, node.resources)
        self._labels.add(bit, node.labels)
        if node.period is not None:
            self._periods.append((bit, node.period))
        if node.data_period is not None:
            self._dated |= bit
        if node.says is Says.DENY:
            self._denials |= bit
        if node.children:
            self._branching |= bit
            self._children[place] = tuple(self._add_node(child) for child in node.children)
        else:
            self._leaves[node.says] |= bit
        return place

    def _said(self, live: _Live, asked: Asked) -> tuple[int, int, int]:
        """Bits of the root provisions that deny and permit in the end, and of redactions, nested ones included."""
        match = (
            live.nodes
            & self._actors.of(asked.sub)
            & self._purposes.of(asked.purpose)
            & self._actions.of(asked.action)
            & self._roles.of_all(asked.roles)
            & self._resources.of_all(asked.resource)
            & self._labels.of_all(asked.labels)
        )
        for place in _bits(match & self._dated):
            dated = self._nodes[place].data_period
            if dated is not None and not asked.concerned_by(dated, self._nodes[place].says):
                match &= ~(1 << place)
        roots, leaves = match & live.roots, self._leaves
        denying, permitting, redacting = (roots & leaves[s] for s in (Says.DENY, Says.PERMIT, Says.REDACT))
        named = self._naming_bits(asked)
        # who is meant: whom a provision names; elsewhere than in an authorization also whoever has a relationship
        permitting &= named | ~self._authorizing if asked.related else named
        for place in _bits(roots & self._branching):
            said, redactions = self._tree(place, match, named, asked.related and not self._authorizing >> place & 1)
            redacting |= redactions
            if said is Says.DENY:
                denying |= 1 << place
            elif said is Says.PERMIT:
                permitting |= 1 << place
        return denying, permitting, redacting

    def _tree(self, place: int, match: int, named: int, allowed: bool) -> tuple[Says, int]:
        """What a provision that matches says with its exceptions, and the redactions in it. `allowed`: the asker has a
        relationship, or stands by name above."""
        allowed = allowed or bool(named >> place & 1)
        said, redactions = Says.NOTHING, 0
        for child in self._children[place]:
            if match >> child & 1:
                one, more = self._tree(child, match, named, allowed)
                redactions |= more
                said = stronger(one, said)
        if said is not Says.NOTHING:
            return said, redactions
        own = self._nodes[place].says
        if own is Says.REDACT:
            return Says.NOTHING, redactions | 1 << place
        # a permission for whoever is not meant by it still lifts the denial that it stands in
        return (own if own is not Says.PERMIT or allowed else Says.EXCEPT), redactions

    def _naming_bits(self, asked: Asked) -> int:
        named = self._actors.by.get(asked.sub, 0)
        for role in asked.roles:
            named |= self._roles.by.get(role, 0)
        return named

    def _redactions(self, redacting: int, entries: Sequence[_Entry]) -> frozenset[str]:
        counting = 0
        for entry in entries:
            counting |= entry.nodes
        return frozenset(label for place in _bits(redacting & counting) for label in self._nodes[place].labels)

    def _limited_by(self, limit: ConsentLimit, purpose: str) -> int:
        """Bits of consents that the limit keeps from permitting for this purpose."""
        known = self._limited.get((limit, purpose))
        if known is None:
            known = sum(e.bit for e in self._entries if limit.binds(e.consent.kind, e.purposes, purpose))
            self._limited[limit, purpose] = known
        return known

    def _live_at(self, now: datetime) -> dict[KeyClass, _Live]:
        periods = [*(e.consent.period for e in self._entries), *(period for _, period in self._periods)]
        held = [(p.start, p.end) for p in periods] + [(r.start, r.end) for r in self._representatives]
        moments = [m for start_and_end in held for m in start_and_end if m is not None]
        self._since = max((m for m in moments if m <= now), default=_ALWAYS)
        self._until = min((m for m in moments if m > now), default=_NEVER)
        active = [e for e in self._entries if covers(e.consent.period, now)]
        over = sum(bit for bit, period in self._periods if not covers(period, now))
        lifting = self._lifting_at(now, active)
        return {k: made for k in KeyClass if (made := _live([e for e in active if k in classes_of(e.consent)], over, lifting))}

    def _lifting_at(self, now: datetime, active: Sequence[_Entry]) -> dict[int, int]:
        """Place of a denial → bits of the later consents by which it gives way, where there are any."""
        alike: dict[tuple[ConsentKind, frozenset[str]], list[_Entry]] = {}
        for entry in active:
            alike.setdefault((entry.consent.kind, frozenset(entry.consent.recipients)), []).append(entry)
        found: dict[int, int] = {}
        for entries in alike.values():
            for old in entries:
                denials = [(d, recipients_of(self._nodes[d])) for d in _bits(old.roots & self._denials)]
                for new in entries if denials else ():
                    if new.given_at > old.given_at and may_lift(new.consent, old.consent, self._representatives, now):
                        for place, named in denials:
                            if named in new.permits_to:
                                found[place] = found.get(place, 0) | new.bit
        return found


def _heard(says: Says, entries: Sequence[_Entry], redact: frozenset[str] = frozenset()) -> Heard:
    return Heard(says, tuple([e.consent for e in entries]), redact, tuple([e.name for e in entries]))


def _live(entries: Sequence[_Entry], over: int, lifting: Mapping[int, int]) -> _Live | None:
    """`over`: bits of provisions whose own period does not hold."""
    if not entries:
        return None
    return _Live(
        tuple(entries),
        sum(e.roots for e in entries),
        sum(e.nodes for e in entries) & ~over,
        sum(e.bit for e in entries if base_permits(e.consent)),
        any(e.consent.policy.combining == MOST_RECENT for e in entries),
        lifting,
        sum(1 << place for place in lifting),
    )


def _counting(entries: Sequence[_Entry], against: int, permitting: int, base: int, excluded: int) -> tuple[_Entry, ...]:
    """Those that do not give way, and of those that do the newest that says anything."""
    speaking = [
        e
        for e in entries
        if e.consent.policy.combining == MOST_RECENT
        and (e.nodes & against or (not e.bit & excluded and (e.roots & permitting or e.bit & base)))
    ]
    newest = {c.consent_id for c in newest_first((e.consent, e.given_at) for e in speaking)[:1]}
    return tuple(e for e in entries if e.consent.policy.combining != MOST_RECENT or e.consent.consent_id in newest)


def _bits(mask: int) -> Iterator[int]:
    """Places of the bits that are set. `mask` is not negative."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low

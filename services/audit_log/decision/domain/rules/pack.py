"""What a jurisdiction's pack is made of: rows. The evaluator (`law.py`) knows no statute; a pack knows no code."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from services.audit_log.decision.domain.rules.rule import RULES
from shared.contracts.consent_policy import ConsentKind
from shared.contracts.disclosure import Action, Decision
from shared.contracts.records import KeyClass
from shared.identity.roles import Role


class Fact(StrEnum):
    """What may be true of a question; `law.FACTS` says how each is found."""

    IS_CLIENT = "is-client"
    """the client in person"""
    IS_AUTHOR = "is-author"
    ANOTHERS_NAME = "another's-name"
    """a create that names somebody else as author"""
    MAY_WRITE = "may-write"
    """a practitioner with a current relationship, of a type that they document"""
    TRAINING = "training"
    """the asker supervises the client's treatment now, and the author is its trainee now"""
    GRANT_OPENS = "grant-opens"
    """a grant for this purpose reaches the record"""
    AUTHORIZED = "authorized"
    """the client's separate authorization permits it"""
    MAY_BE_PLAN = "may-be-plan"
    """the asker is a system that no administrator registered as a record system, or one that a restriction names as payer"""
    CANNOT_CONSENT = "cannot-consent"
    """a parent or guardian is registered for the client and holds authority now: the client cannot consent by law"""
    RESTRICTED = "restricted"
    """the practice agreed to a restriction towards this payer (45 CFR 164.522(a))"""
    CONFIDENTIAL_FROM_PROXY = "confidential-from-proxy"
    """the asker acts for the client, and a service that the client consented to alone covers the record"""
    UNSIGNED = "unsigned"
    """the client, or who acts for them, asks for a progress note that its author has not signed"""
    HELD = "held"
    """likewise, for one that is held back by an exception now"""
    EXCLUDED_FROM_PROXY = "excluded-from-proxy"
    """the asker acts for the client, and the record or a label of it is excluded from their authority"""


class Knows(StrEnum):
    """Whether who is denied may learn that the record exists."""

    NEVER = "never"
    ALWAYS = "always"
    AS_USUAL = "as-usual"


@dataclass(frozen=True, slots=True)
class LawRow:
    """The first row that fits decides. An empty set means any; every fact must hold."""

    rule: str
    then: Decision
    reason: str
    classes: frozenset[KeyClass] = frozenset()
    actions: frozenset[Action] = frozenset()
    purposes: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()
    labels: frozenset[str] = frozenset()
    facts: tuple[Fact, ...] = ()
    knows: Knows = Knows.AS_USUAL


@dataclass(frozen=True, slots=True)
class ConsentLimit:
    """What consents may not permit, whatever they say: a permission of theirs counts as nothing said.

    It concerns records with one of `labels` (none: any record) and binds consents of `kinds` (none: of every kind but those in
    `besides`) for purposes other than `serves`, or, where `purposes` is set, for those purposes alone. A consent whose
    permissions all name this purpose and no other is free of it where `unless_alone` is set.
    """

    rule: str
    kinds: frozenset[ConsentKind] = frozenset()
    besides: frozenset[ConsentKind] = frozenset()
    labels: frozenset[str] = frozenset()
    serves: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    unless_alone: bool = False

    def concerns(self, labels: frozenset[str]) -> bool:
        return not self.labels or not self.labels.isdisjoint(labels)

    def binds(self, kind: ConsentKind, named: frozenset[str], purpose: str) -> bool:
        """Whether it keeps a consent of that kind, whose permissions name those purposes, from permitting for `purpose`."""
        if purpose in self.serves or (self.purposes and purpose not in self.purposes):
            return False
        free = kind in self.besides and (not self.unless_alone or named == {purpose})
        return not free and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Ground:
    """The legal bases that a permitted use or disclosure rests on; recorded with each (GDPR 5(2)).

    Health data need both: one of Article 6 and one of Article 9.
    """

    bases: tuple[str, ...]
    """ids of the rules: of Article 6(1), of Article 9(2), and what gives the right where it is another"""
    purposes: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    facts: tuple[Fact, ...] = ()

    def bears(self, purpose: str, reason: str, holds: Callable[[Fact], bool]) -> bool:
        return (
            (not self.purposes or purpose in self.purposes)
            and (not self.reasons or reason in self.reasons)
            and all(holds(fact) for fact in self.facts)
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """What goes with a disclosure made by consent: the statement of that name, and an explanation of the consent's scope."""

    rule: str
    name: str
    kinds: frozenset[ConsentKind]


@dataclass(frozen=True, slots=True)
class DutyToWarn:
    """A jurisdiction's rule on warning, only where it is sourced: what a warning must at least say."""

    rule: str
    jurisdiction: str
    minimum: tuple[str, ...]

    def __post_init__(self) -> None:
        """ValueError for one that nobody read in its source, or that says nothing."""
        source = RULES.get(self.rule)
        if source is None or not source.read_on:
            raise ValueError(f"{self.rule}: a duty to warn stands only where its source was read")
        if not self.minimum or not self.jurisdiction:
            raise ValueError(f"{self.rule}: a duty to warn names its jurisdiction and what a warning must say")


@dataclass(frozen=True)
class Pack:
    id: str
    title: str
    rows: tuple[LawRow, ...]
    limits: tuple[ConsentLimit, ...] = ()
    notices: tuple[Notice, ...] = ()
    grounds: tuple[Ground, ...] = ()
    beyond_organisation: frozenset[str] = frozenset()
    """labels of records that no rule of an organisation opens"""
    duty_to_warn: tuple[DutyToWarn, ...] = ()
    about_others: str = ""
    """rule by which a client's copy of their record is without what is about other people; empty where the law has none"""
    _for: dict[tuple[KeyClass, Action], tuple[LawRow, ...]] = field(default_factory=dict, repr=False, compare=False)

    def rows_for(self, key_class: KeyClass, action: Action) -> tuple[LawRow, ...]:
        """The rows that could speak of such a question, in order."""
        found = self._for.get((key_class, action))
        if found is None:
            found = self._for[key_class, action] = tuple(
                r for r in self.rows if (not r.classes or key_class in r.classes) and (not r.actions or action in r.actions)
            )
        return found

    def limits_on(self, labels: frozenset[str]) -> tuple[ConsentLimit, ...]:
        """The limits that concern a record with these labels."""
        return tuple(limit for limit in self.limits if limit.concerns(labels))

    def grounds_of(self, purpose: str, reason: str, holds: Callable[[Fact], bool]) -> tuple[str, ...]:
        """Ids of the rules that a permit for this purpose and reason rests on: those of the first ground that bears it."""
        return next((g.bases for g in self.grounds if g.bears(purpose, reason, holds)), ())

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that its parts name, each once, in order."""
        parts = (p.rule for parts in (self.rows, self.limits, self.notices, self.duty_to_warn) for p in parts)
        bases = (rule for ground in self.grounds for rule in ground.bases)
        others = (self.about_others,) if self.about_others else ()
        return tuple(dict.fromkeys((*parts, *bases, *others)))

"""What consents are asked, what they say together, and what each kind of consent covers. Shared by the index and the walk."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from services.audit_log.decision.domain.rules.dialects import Says, concerns
from shared.contracts.consent_policy import ConsentKind, ConsentSet, Period
from shared.contracts.records import KeyClass

KIND_COVERS: Final[dict[ConsentKind, frozenset[KeyClass]]] = {
    ConsentKind.TREATMENT: frozenset({KeyClass.IDENTITY, KeyClass.PROGRESS_NOTE}),
    ConsentKind.MEASUREMENT: frozenset({KeyClass.MEASURES}),
    ConsentKind.PSYCHOTHERAPY_NOTES: frozenset({KeyClass.PSYCHOTHERAPY_NOTE}),
}
"""every other kind covers the classes that its description names (`covers`), never those of `APART`"""
APART: Final = frozenset({KeyClass.PSYCHOTHERAPY_NOTE, KeyClass.CONCERN})
"""classes that no consent opens by naming them: psychotherapy notes have a kind of their own, concerns have none"""
PART2_KINDS: Final = frozenset({ConsentKind.PART2_TPO, ConsentKind.PART2_COUNSELLING_NOTES})
MOST_RECENT: Final = "most-recent"


@dataclass(frozen=True, slots=True)
class Asked:
    """What provisions are compared with."""

    sub: str
    roles: frozenset[str]
    """relationship roles held now, and `ehr_system` for a token of that role"""
    related: bool
    purpose: str
    action: str
    resource: frozenset[str]
    labels: frozenset[str]
    dated: datetime
    """when the record was made, or a questionnaire answered"""
    now: datetime
    cared_on: date | None = None

    def concerned_by(self, data_period: Period, says: Says) -> bool:
        return concerns(data_period, self.cared_on, self.dated, denies=says in (Says.DENY, Says.REDACT))


@dataclass(frozen=True, slots=True)
class Heard:
    """What the consents say together: `says` is permit, deny or nothing."""

    says: Says
    consents: tuple[ConsentSet, ...] = ()
    """those that said it"""
    redact: frozenset[str] = frozenset()
    """labels of what has to be taken out of what a permit opens"""
    basis: tuple[str, ...] = ()
    """the consents as a ledger entry names them"""


SILENCE: Final = Heard(Says.NOTHING)
AUTHORIZATIONS: Final = PART2_KINDS | {ConsentKind.PSYCHOTHERAPY_NOTES, ConsentKind.DISCLOSURE}
"""kinds that say to whom (45 CFR 164.508(c)(1)(iii), 42 CFR 2.31(a)(4)): they permit nobody whom a provision does not name, and
their base alone opens nothing"""


def named(consent: ConsentSet) -> str:
    """As a ledger entry names it."""
    return f"consent:{consent.consent_id}"


def base_permits(consent: ConsentSet) -> bool:
    """Whether its base permits those who hold a relationship to the client."""
    return consent.policy.base == "permit" and consent.kind not in AUTHORIZATIONS


def classes_of(consent: ConsentSet) -> frozenset[KeyClass]:
    fixed = KIND_COVERS.get(consent.kind)
    if fixed is not None:
        return fixed
    named = set(consent.covers)
    return frozenset(k for k in KeyClass if k.value in named and k not in APART)


def newest_first(consents: Iterable[tuple[ConsentSet, datetime]]) -> list[ConsentSet]:
    """By when each was first given, so that a later change of an old consent does not make it the newest."""
    return [c for c, _ in sorted(consents, key=lambda pair: (pair[1], pair[0].consent_id), reverse=True)]

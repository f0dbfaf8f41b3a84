"""What one FHIR provision compares, in this system's own terms.

Not all of it can be compared here (who authored a record elsewhere, a document's code, a mime type). Then the cautious reading
counts: **what cannot be compared widens a denial and empties a permit**, so that no consent opens more than it says.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from services.consent.domain.fhir import codes
from services.consent.domain.fhir.resource import Actor, Concept, Period, Reference, RootProvision, as_end, as_start
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenProvision
from shared.contracts.codes import ACTIONS, FHIR_TYPES, LABELS, PURPOSES, RECORD_CLASSES, ROLES
from shared.entry.text import inexact

Type = Literal["permit", "deny"]
ALWAYS: Final = "0001-01-01"
"""start of a period that has none"""
NEVER: Final = "9999"
"""the year in which systems let a period end that has no end"""
_RECIPIENT_TYPES: Final = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson", "Person"}
)
_RECORD_TYPES: Final = frozenset({"DocumentReference", "Observation", "QuestionnaireResponse", "Encounter", "Patient"})
"""FHIR types of what this system keeps"""


@dataclass(frozen=True, slots=True)
class Home:
    """Who this practice is in a consent: the organisation named after its tenant, and where what it keeps has its address."""

    tenant: str
    base: str = ""
    """`https://host/fhir/R4`; without it relative references alone are this server's"""

    def is_it(self, reference: Reference) -> bool:
        return reference.literal(self.base) == ("Organization", self.tenant)


@dataclass(slots=True)
class Warnings:
    """What of a consent was read cautiously, by FHIRPath."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, path: str, said: str) -> None:
        if (path, said) not in self.found:
            self.found.append((path, said))


@dataclass(frozen=True, slots=True)
class Criteria:
    """Of one provision. `empty` where it compares nothing at all."""

    fields: dict[str, tuple[str, ...]]
    data_period: GivenPeriod | None
    uncomparable: bool
    """something stands in it that cannot be compared here"""
    sources: bool
    """it names who keeps or wrote the data"""

    @property
    def empty(self) -> bool:
        return not self.fields and self.data_period is None and not self.uncomparable

    def provisions(
        self, kind: Type, *, period: GivenPeriod | None = None, nested: Iterable[GivenProvision] = ()
    ) -> tuple[GivenProvision, ...]:
        """The provision that it makes. A permit that would permit more than it says makes none; the denials in it stay."""
        if kind == "permit" and self.uncomparable:
            return tuple(denials_in(nested))
        made = GivenProvision(
            type=kind,
            **self.fields,
            period=period,
            data_period=self.data_period,
            provisions=tuple(nested),
        )
        return (made,)


def denials_in(provisions: Iterable[GivenProvision]) -> Iterator[GivenProvision]:
    """The outermost denials, at whatever depth they stand."""
    for p in provisions:
        if p.type == "deny":
            # what it permits was an exception within what is gone: there is nothing left that it could permit
            yield p.model_copy(update={"provisions": tuple(denials_in(p.provisions))})
        else:
            yield from denials_in(p.provisions)


def criteria_of(provision: RootProvision, kind: Type, home: Home, path: str, warnings: Warnings) -> Criteria:
    """What the provision compares, read as a permit or as a denial."""
    found: dict[str, tuple[str, ...]] = {}
    unsure = False

    def take(name: str, element: str, wanted: list[str | None]) -> None:
        """`wanted` are alternatives; None stands for one that cannot be compared."""
        nonlocal unsure
        known = tuple(dict.fromkeys(w for w in wanted if w is not None))
        if len(known) == len(wanted) or (known and kind == "permit"):
            if len(known) < len(wanted):
                warnings.add(f"{path}.{element}", "names something that cannot be compared here: it is permitted nothing")
            if known:
                found[name] = known
            return
        unsure = True
        said = "it permits nothing" if kind == "permit" else "it denies whatever this names"
        warnings.add(f"{path}.{element}", f"cannot be compared here, so {said}")

    sources, recipients, roles = _actors(provision.actor, home, path, warnings)
    everybody = any(home.is_it(a.reference) for a in provision.actor if _is_recipient(a))
    if not everybody:
        if recipients and not roles:
            take("actors", "actor", recipients)
        elif roles and not recipients:
            take("roles", "actor", roles)
        elif roles and recipients:  # either of the two, which one provision cannot say
            unsure = True
            warnings.add(f"{path}.actor", "name persons and groups in provisions of their own")
    if None in sources:
        unsure = True
        warnings.add(f"{path}.actor", "who kept or wrote a record elsewhere cannot be compared here")
    take("actions", "action", [_action(c) for c in provision.action])
    take("labels", "securityLabel", [_label(c.system, c.code) for c in provision.security_label])
    take("purposes", "purpose", [_purpose(c.system, c.code) for c in provision.purpose])
    take("resource_types", "class", [_class(c.system, c.code) for c in provision.class_])
    for element, wanted in (("code", [_note_type(c) for c in provision.code]), ("data", _data(provision, kind, home))):
        if wanted and "resource_types" in found:  # both must hold, and one list says either
            wanted = [w if w in found["resource_types"] else None for w in wanted]
        take("resource_types", element, wanted)
    return Criteria(found, period_of(provision.data_period), unsure, bool(sources))


def period_of(period: Period | None) -> GivenPeriod | None:
    if period is None or (period.start is None and period.end is None):
        return None
    ends = period.end is not None and not period.end.startswith(NEVER)
    return GivenPeriod(
        start=as_start(period.start) if period.start else ALWAYS, end=as_end(period.end) if period.end and ends else None
    )


def _is_recipient(actor: Actor) -> bool:
    return any(c.code in codes.RECIPIENTS for c in actor.role.coding)


def _actors(
    actors: list[Actor], home: Home, path: str, warnings: Warnings
) -> tuple[list[str | None], list[str | None], list[str | None]]:
    """Sources of the data, recipients, and roles of recipients. A source that is this practice limits nothing here."""
    sources: list[str | None] = []
    recipients: list[str | None] = []
    roles: list[str | None] = []
    for i, actor in enumerate(actors):
        if any(c.code in codes.SOURCES for c in actor.role.coding):
            sources.append(home.tenant if home.is_it(actor.reference) else None)
        elif not _is_recipient(actor):
            recipients.append(None)
            warnings.add(f"{path}.actor[{i}].role", "is neither who receives (IRCP, PRCP) nor who keeps the data (CST, AUT)")
        else:
            role = _role(actor.reference)
            if role is not None:
                roles.append(role)
            else:
                recipients.append(subject_of(actor.reference, home.base))
    return sources, recipients, roles


def _role(reference: Reference) -> str | None:
    identifier = reference.identifier
    if identifier is None or identifier.system != codes.RELATIONSHIP or identifier.value not in ROLES:
        return None
    return identifier.value


def subject_of(reference: Reference, base: str) -> str | None:
    """The `sub` of whom a reference names; None where it names nobody that has one here: who bears the same id at another server
    is somebody else."""
    identifier = reference.identifier
    if identifier is not None and identifier.system == codes.SUBJECT and _usable(identifier.value):
        return identifier.value
    literal = reference.literal(base)
    return literal[1] if literal is not None and literal[0] in _RECIPIENT_TYPES else None


def _usable(text: str) -> bool:
    return 0 < len(text) <= 200 and inexact(text) is None


def _coded(concept: Concept, known: Callable[[str, str], str | None]) -> str | None:
    return next((meant for c in concept.coding if (meant := known(c.system, c.code)) is not None), None)


def _action(concept: Concept) -> str | None:
    return _coded(concept, lambda system, code: code if system in (codes.ACTION, codes.GATE_ACTION) and code in ACTIONS else None)


def _class(system: str, code: str) -> str | None:
    if system == codes.RECORD_CLASS:
        return code if code in RECORD_CLASSES else None
    return code if system == codes.RESOURCE_TYPES and code in FHIR_TYPES else None


def _label(system: str, code: str) -> str | None:
    """A label of another system means what that system says, which nobody knows here."""
    return code if system in codes.LABEL_SYSTEMS and code in LABELS else None


def _note_type(concept: Concept) -> str | None:
    return _coded(concept, lambda system, code: codes.NOTE_TYPES.get(code) if system == codes.LOINC else None)


def _purpose(system: str, code: str) -> str | None:
    return code if system == codes.ACT_REASON and code in PURPOSES else None


def _data(provision: RootProvision, kind: Type, home: Home) -> list[str | None]:
    """Single records cannot be named: a denial of one denies its type. A record of a type or server that is not kept here, and
    whatever is related to a record, cannot be compared."""
    if kind == "permit":
        return [None for _ in provision.data]
    return [
        literal[0]
        if d.meaning == "instance" and (literal := d.reference.literal(home.base)) and literal[0] in _RECORD_TYPES
        else None
        for d in provision.data
    ]

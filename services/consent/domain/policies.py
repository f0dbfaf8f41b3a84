"""The machine-readable part of a consent as it was given: what the gate will decide by.

Codes are checked against their lists when a form is taken (`GivenPolicy.faults`), because a denial with a misspelt code would
silently deny nothing. What is stored is read as it was taken.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.consent.domain.errors import FormFault
from services.consent.domain.periods import GivenPeriod
from shared.contracts.codes import (
    ACTIONS,
    FHIR_ACTIONS,
    LABELS,
    PURPOSES,
    RECORD_CLASSES,
    RESOURCE_TYPES,
    RESOURCE_TYPES_NAMED,
    ROLES,
    named,
    one_of,
)
from shared.contracts.consent_policy import ConsentKind, Policy, Provision
from shared.contracts.records import RecordType

MAX_DEPTH: Final = 5
"""levels of nested provisions; IHE PCF has one, R5 practice stays below three"""
MAX_PROVISIONS: Final = 200
"""provisions of one consent, nested ones counted"""

PSYCHOTHERAPY_NOTE_TYPES: Final = frozenset({str(RecordType.PSYCHOTHERAPY_NOTE), "DocumentReference"})
_FHIR_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{2,63}")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _one_of(known: frozenset[str]) -> AfterValidator:
    checks, _ = one_of(known)
    return checks


def _resource_type(code: str) -> str:
    if code not in RECORD_CLASSES and not _FHIR_TYPE.fullmatch(code):
        raise ValueError(RESOURCE_TYPES_NAMED)
    return code


def _label(code: str) -> str:
    if not _LABEL.fullmatch(code):
        raise ValueError(named(LABELS))
    return code


StoredResourceType = Annotated[str, AfterValidator(_resource_type)]
"""what older forms hold as well: any word in the shape of a FHIR type; a new form's is checked by `GivenPolicy.faults`"""
StoredLabel = Annotated[str, AfterValidator(_label)]
"""likewise any word in the shape of a code"""


def _subject(text: str) -> str:
    if not text.strip() or _CONTROL.search(text):
        raise ValueError("the `sub` of a person or system, without control characters")
    return text


Subject = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_subject)]
"""`sub` of a person or system, as in their token"""
Codes = Field(default=(), max_length=100)


class Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GivenProvision(Given):
    type: Literal["permit", "deny"]
    actors: tuple[Subject, ...] = Codes
    roles: tuple[Annotated[str, _one_of(ROLES)], ...] = Codes
    purposes: tuple[Annotated[str, _one_of(PURPOSES)], ...] = Codes
    actions: tuple[Annotated[str, _one_of(ACTIONS)], ...] = Codes
    resource_types: tuple[StoredResourceType, ...] = Codes
    labels: tuple[StoredLabel, ...] = Codes
    period: GivenPeriod | None = None
    data_period: GivenPeriod | None = None
    provisions: tuple["GivenProvision", ...] = Codes

    def machine(self) -> Provision:
        return Provision(
            type=self.type,
            actors=self.actors,
            roles=self.roles,
            purposes=self.purposes,
            actions=tuple(dict.fromkeys(meant for a in self.actions for meant in FHIR_ACTIONS.get(a, (a,)))),
            resource_types=self.resource_types,
            labels=self.labels,
            period=self.period.instants() if self.period else None,
            data_period=self.data_period.instants() if self.data_period else None,
            provisions=tuple(p.machine() for p in self.provisions),
        )


class GivenPolicy(Given):
    base: Literal["permit", "deny", "silent"]
    """`deny` refuses everything that no provision permits; in dialect r4, where a provision permits, it leaves what is not named
    to the client's other consents. `silent` says nothing beyond the provisions."""
    dialect: Literal["r4", "pcf", "r5"] = "r4"
    provisions: tuple[GivenProvision, ...] = Codes

    def machine(self) -> Policy:
        """What the gate reads: periods as instants."""
        return Policy(base=self.base, dialect=self.dialect, provisions=tuple(p.machine() for p in self.provisions))

    def every(self) -> Iterator[GivenProvision]:
        """Its provisions at whatever depth, each before those nested in it."""
        return (provision for _, _, provision in _walk(self.provisions, "", 1))

    def names(self, who: str) -> bool:
        """Whether a provision of it names that person or system, at whatever depth."""
        return any(who in provision.actors for provision in self.every())

    def denies(self) -> bool:
        """Whether it refuses, or a provision of it denies, at whatever depth."""
        return self.machine().refuses or any(provision.type == "deny" for provision in self.every())

    def faults(self, kind: ConsentKind) -> list[FormFault]:
        """What is wrong with it as the policy of a consent of this kind."""
        found: list[FormFault] = []
        every = list(_walk(self.provisions, "/policy/provisions", 1))
        if len(every) > MAX_PROVISIONS:
            found.append(FormFault("/policy/provisions", f"at most {MAX_PROVISIONS}, nested ones counted"))
        for pointer, depth, provision in every:
            if depth > MAX_DEPTH:
                found.append(FormFault(pointer, f"nested at most {MAX_DEPTH} levels deep"))
            for name in ("period", "data_period"):
                period: GivenPeriod | None = getattr(provision, name)
                found += period.faults(f"{pointer}/{name}") if period else []
            found += _unknown_codes(pointer, provision)
            if kind is ConsentKind.PSYCHOTHERAPY_NOTES:
                found += [
                    FormFault(
                        f"{pointer}/resource_types/{i}",
                        "an authorization for psychotherapy notes is combined with nothing else (45 CFR 164.508(b)(3)(ii)): "
                        "make another consent for it",
                    )
                    for i, code in enumerate(provision.resource_types)
                    if code not in PSYCHOTHERAPY_NOTE_TYPES
                ]
        return found


_LISTS: Final = {
    "resource_types": (RESOURCE_TYPES, RESOURCE_TYPES_NAMED),
    "labels": (LABELS, named(LABELS)),
}
"""of the fields that are stored more loosely: the codes that are known, and what is said of another"""


def _unknown_codes(pointer: str, provision: GivenProvision) -> Iterator[FormFault]:
    for name, (known, said) in _LISTS.items():
        for i, code in enumerate(getattr(provision, name)):
            if code not in known:
                yield FormFault(f"{pointer}/{name}/{i}", said)


def _walk(provisions: tuple[GivenProvision, ...], pointer: str, depth: int) -> Iterator[tuple[str, int, GivenProvision]]:
    for i, provision in enumerate(provisions):
        yield f"{pointer}/{i}", depth, provision
        yield from _walk(provision.provisions, f"{pointer}/{i}/provisions", depth + 1)

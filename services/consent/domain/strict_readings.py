"""What of a policy is read more strictly than it is written, and what its sender should know.

The gate decides by the same readings (its `rules/dialects.py`); a property test holds the two together.
"""

from collections.abc import Iterator
from typing import Final

from services.consent.domain.elements import AUTHORIZATIONS
from services.consent.domain.policies import GivenPolicy, GivenProvision
from shared.contracts.codes import RECORD_CLASSES
from shared.contracts.consent_policy import ConsentKind, StrictReading

REDACT: Final = "REDACT"
KEPT_TYPES: Final = frozenset(
    {
        *("AdverseEvent", "CarePlan", "Communication", "DocumentReference", "Encounter", "Flag", "Observation", "Patient"),
        *("QuestionnaireResponse", "RelatedPerson", "RiskAssessment"),
    }
)
"""FHIR types of records that are kept here"""
REFUSES: Final = (
    "refuses: whatever no provision permits is denied to everybody but the client and who wrote it, "
    "also where another consent permits it"
)
LEAVES_OTHERS: Final = (
    "permits what its provisions name, and takes nothing from the client's other consents: "
    "to deny the rest, write a provision of type deny with these permissions nested in it"
)
NOTES: Final = frozenset({REFUSES, LEAVES_OTHERS})
"""what a sender is told although it is read as it is written"""


def notes(policy: GivenPolicy) -> tuple[StrictReading, ...]:
    """What the base of the policy does beside the client's other consents, where a sender may expect something else."""
    if policy.machine().refuses:
        return (StrictReading(pointer="/policy/base", because=REFUSES),)
    denies_everything = any(p == GivenProvision(type="deny", provisions=p.provisions) for p in policy.provisions)
    permits = any(p.type == "permit" for p in policy.every())
    if policy.base != "permit" and permits and not denies_everything:
        return (StrictReading(pointer="/policy/base", because=LEAVES_OTHERS),)
    return ()


def readings(policy: GivenPolicy, kind: ConsentKind) -> tuple[StrictReading, ...]:
    """By JSON pointer into the form."""
    found = list(_of_base(policy, kind))
    for i, provision in enumerate(policy.provisions):
        found += _of(provision, f"/policy/provisions/{i}", policy, 1, empty=False)
    return tuple(found)


def _of_base(policy: GivenPolicy, kind: ConsentKind) -> Iterator[StrictReading]:
    named = any(p.type == "permit" and (p.actors or p.roles) for p in policy.every())
    if kind in AUTHORIZATIONS and policy.base == "permit" and not named:
        yield StrictReading(
            pointer="/policy/base",
            because="names nobody: an authorization permits only those whom it names (45 CFR 164.508(c)(1)(iii))",
        )


def _of(p: GivenProvision, pointer: str, policy: GivenPolicy, level: int, *, empty: bool) -> Iterator[StrictReading]:
    """`empty`: it stands in a permission that permits nothing."""
    permits = p.type == "permit"
    nothing = [*_emptied(p, policy, level), *(["stands in a provision that permits nothing"] if empty else [])] if permits else []
    for because in nothing[:1]:
        yield StrictReading(pointer=pointer, because=f"{because}: it permits nothing")
    if not permits:
        for because in _widened(p, policy, level):
            yield StrictReading(pointer=pointer, because=because)
    for i, code in enumerate(p.resource_types):
        if code not in RECORD_CLASSES and code not in KEPT_TYPES:
            said = "permits nothing" if permits else "denies nothing"
            yield StrictReading(
                pointer=f"{pointer}/resource_types/{i}", because=f"names no record that is kept here: it {said} by this"
            )
    for i, below in enumerate(p.provisions):
        yield from _of(below, f"{pointer}/provisions/{i}", policy, level + 1, empty=bool(nothing) and permits)


def _emptied(p: GivenProvision, policy: GivenPolicy, level: int) -> Iterator[str]:
    if policy.dialect == "r5" and _denies_by_level(policy, level):
        yield "r5 reads a denial at this level, and its type says permit"
    if policy.dialect == "pcf" and (beyond := _beyond_pcf(p, level)):
        yield f"pcf has no {beyond}"
    if REDACT in p.labels:
        yield "an obligation to redact stands with a denial"


def _widened(p: GivenProvision, policy: GivenPolicy, level: int) -> Iterator[str]:
    if policy.dialect == "r5" and not _denies_by_level(policy, level):
        yield "r5 reads a permission at this level, and its type says deny: it denies"
    if policy.dialect == "pcf" and (beyond := _beyond_pcf(p, level)):
        yield f"pcf has no {beyond}: it denies whatever this names"
    if level > 1:
        yield "denies wherever it stands: the provisions around it do not narrow it"


def _denies_by_level(policy: GivenPolicy, level: int) -> bool:
    """R5: the first level negates the base, and each level negates the one above."""
    return (policy.base == "permit") == (level % 2 == 1)


def _beyond_pcf(p: GivenProvision, level: int) -> str:
    if level > 1:
        return "second level"
    return "action or class" if p.actions or p.resource_types else ""

"""A FHIR Consent as a form of this system: its kind, who gave it, and where its statements stand.

What an authorization must say (45 CFR 164.508(c)) has no elements in FHIR: it stands in the signed source or in the policy that
the resource names. Where it names neither, those elements are missing, and the consent is written down and never active.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.consent.domain.consent import Form
from services.consent.domain.elements import AUTHORIZATIONS
from services.consent.domain.errors import FormFault, InvalidForm
from services.consent.domain.events import Grantor
from services.consent.domain.fhir import codes, r5
from services.consent.domain.fhir.criteria import Home, Warnings
from services.consent.domain.fhir.dialects import ROOT, Dialect, policy_of, profile_faults
from services.consent.domain.fhir.resource import Concept, ConsentResource, Reference, read_resource
from services.consent.domain.policies import GivenPolicy
from services.consent.domain.strict_readings import NOTES, notes, readings
from shared.contracts.consent_policy import ConsentKind, StrictReading
from shared.entry.text import one_line

_COVERED: Final = "identity, progress notes, measures"
"""what a privacy consent covers here: everything but psychotherapy notes; its provisions narrow it"""


@dataclass(frozen=True, slots=True)
class Imported:
    """A consent that came over FHIR, read."""

    form: Form
    dialect: Dialect
    status: str
    scope: tuple[str, ...]
    categories: tuple[str, ...]
    evidence: str
    """where the signature is kept; empty where the resource names no source"""
    by_representative: bool
    """whether somebody else than the client gave it"""
    warnings: tuple[tuple[str, str], ...]


def read_consent(value: Any, home: Home, dialect: Dialect | None = None) -> Imported:
    """The consent behind parsed JSON; `dialect` r5 reads FHIR R5's elements. InvalidForm with every fault."""
    warnings = Warnings()
    if dialect == "r5":
        resource, read = r5.read_r5(value, home, warnings)
    else:
        resource = read_resource(value)
        faults = profile_faults(resource)
        if faults:
            raise InvalidForm(faults)
        read = policy_of(resource, home, warnings)
    kind = kind_of(resource)
    policy = read.policy
    strictly = tuple(StrictReading(pointer=path, because=said) for path, said in warnings.found if said not in NOTES)
    for one in (*readings(policy, kind), *notes(policy)):
        place = one.pointer.removeprefix("/policy")
        warnings.add(ROOT, one.because if place == "/base" else f"{one.because} (as read here: {place})")
    by_representative = any(r.is_of("RelatedPerson") for r in resource.performer)
    form = Form(
        client_id=client_of(resource, home),
        kind=kind,
        grantor=_grantor(resource, by_representative),
        policy=policy,
        period=read.period,
        elements=_elements(kind, resource, read.period.end, policy) if kind in AUTHORIZATIONS else {},
        read_strictly=strictly,
    )
    return Imported(
        form=form,
        dialect=policy.dialect,
        status=resource.status,
        scope=_tokens([resource.scope]),
        categories=_tokens(resource.category),
        evidence=_evidence(resource),
        by_representative=by_representative,
        warnings=tuple(warnings.found),
    )


def kind_of(resource: ConsentResource) -> ConsentKind:
    """By its category, else by its scope. InvalidForm where neither names one of this system's kinds."""
    coded = {(c.system, c.code) for concept in resource.category for c in concept.coding}
    if resource.policy_rule is not None:
        coded |= {(c.system, c.code) for c in resource.policy_rule.coding}
    own = {kind for (system, code), kind in codes.KIND_OF_CATEGORY.items() if system == codes.KIND and (system, code) in coded}
    found = own or {kind for key, kind in codes.KIND_OF_CATEGORY.items() if key in coded}
    if len(found) > 1:  # 164.508(b)(3): an authorization is combined with nothing else
        raise InvalidForm([FormFault("Consent.category", "names several kinds of consent: make one consent for each")])
    if found:
        return found.pop()
    scopes = [kind for c in resource.scope.coding if c.system == codes.SCOPE and (kind := codes.KIND_OF_SCOPE.get(c.code))]
    if not scopes:
        known = ", ".join(sorted(codes.KIND_OF_SCOPE))
        raise InvalidForm([FormFault("Consent.scope", f"one of {known} ({codes.SCOPE})")])
    return scopes[0]


def client_of(resource: ConsentResource, home: Home) -> UUID:
    """The client that `patient` names by id. InvalidForm where it is none of this server's ids."""
    literal = resource.patient.literal(home.base)
    try:
        if literal is not None and literal[0] == "Patient":
            return UUID(literal[1])
    except ValueError:
        pass
    raise InvalidForm([FormFault("Consent.patient.reference", "Patient/[id], the id that this server knows the client by")])


def _grantor(resource: ConsentResource, by_representative: bool) -> Grantor:
    named = next((said for r in resource.performer if (said := one_line(r.display))), "") or one_line(resource.patient.display)
    authority = "as the signed source says" if by_representative and resource.has_source else None
    return Grantor(
        role="representative" if by_representative else "client", name=(named or "not named")[:200], authority=authority
    )


def _elements(kind: ConsentKind, resource: ConsentResource, end: str | None, policy: GivenPolicy) -> dict[str, str]:
    found = {
        "description": "psychotherapy notes" if kind is ConsentKind.PSYCHOTHERAPY_NOTES else _COVERED,
        "discloser": _names(resource.organization) or "this practice",
        "recipient": "; ".join(_actors(policy)) or "who treats the client, while they do",
        "purpose": ", ".join(_purposes(policy)) or "whatever its provisions leave open",
        "expiry": end or "when it is revoked",
    }
    where = "the signed source" if resource.has_source else "the policy it names" if any(p.uri for p in resource.policy) else ""
    if where:
        found |= dict.fromkeys(("right_to_revoke", "conditioning", "redisclosure"), f"stands in {where}")
    return found


def _names(references: list[Reference]) -> str:
    return one_line("; ".join(r.display or r.reference for r in references if r.display or r.reference))[:1_000]


def _actors(policy: GivenPolicy) -> list[str]:
    return list(dict.fromkeys(a for p in policy.every() if p.type == "permit" for a in (*p.actors, *p.roles)))


def _purposes(policy: GivenPolicy) -> list[str]:
    return list(dict.fromkeys(c for p in policy.every() if p.type == "permit" for c in p.purposes))


def _evidence(resource: ConsentResource) -> str:
    if resource.source_reference is not None:
        reference = resource.source_reference
        return f"FHIR Consent.source: {reference.display or reference.reference or 'a document'}"[:1_000]
    if resource.source_attachment is not None:
        return f"FHIR Consent.source: {resource.source_attachment.title or resource.source_attachment.url or 'attached'}"[:1_000]
    return ""


def _tokens(concepts: list[Concept]) -> tuple[str, ...]:
    """What a search finds it by, which stands in the clear: codes of the standard vocabularies alone, because anybody's words
    could stand where a code belongs. The others stay in the sealed source."""
    codings = [(c.system, c.code) for concept in concepts for c in concept.coding if codes.is_public(c.system, c.code)]
    return tuple(dict.fromkeys(f"{system}|{code}" for system, code in codings))[:50]

"""FHIR R5's Consent, for import: root `decision`, several provisions, and each level negates the one above (R5, Consent).

R5 renamed what R4 has under other names (`subject`, `date`, `grantor`, `resourceType`, `documentType`); they are read into R4's.
"""

from typing import Any, Final

from services.consent.domain.errors import FormFault, InvalidForm
from services.consent.domain.fhir import codes, shape
from services.consent.domain.fhir.criteria import ALWAYS, Home, Type, Warnings, criteria_of, period_of
from services.consent.domain.fhir.dialects import ReadPolicy
from services.consent.domain.fhir.resource import ConsentResource, RootProvision, as_start, read_resource
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.strict_readings import REFUSES

_RENAMED: Final = {
    "subject": "patient",
    "date": "dateTime",
    "grantor": "performer",
    "controller": "organization",
}
_KEPT: Final = frozenset({"resourceType", "id", "meta", "identifier", "status", "category", "text", "contained", "extension"})
_KNOWN: Final = _KEPT | set(_RENAMED) | {
    "language", "period", "grantee", "manager", "sourceAttachment", "sourceReference", "regulatoryBasis", "policyBasis",
    "policyText", "verification", "decision", "provision",
}  # fmt: skip
_STATUS: Final = {"not-done": "rejected", "unknown": "proposed"}


def read_r5(value: Any, home: Home, warnings: Warnings) -> tuple[ConsentResource, ReadPolicy]:
    """InvalidForm with every fault."""
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise InvalidForm([FormFault("Consent.resourceType", "send one Consent resource")])
    unknown = [n for n in value if n.removeprefix("_") not in _KNOWN]
    decision = value.get("decision", "permit")
    found = [FormFault("Consent", "has an element that FHIR R5 does not know")] if unknown else []
    found += shape.empty(value, "Consent")
    found += [] if decision in ("permit", "deny") else [FormFault("Consent.decision", "permit or deny")]
    if found:
        raise InvalidForm(found)
    resource = read_resource(_as_r4(value))
    base: Type = "permit" if decision == "permit" else "deny"
    roots = resource.provision.provision if resource.provision else []
    period = period_of(resource.provision.period if resource.provision else None)
    if period is None or period.start == ALWAYS:
        start = as_start(resource.date_time) if resource.date_time else ALWAYS
        period = GivenPeriod(start=start, end=period.end if period else None)
    if base == "deny":
        warnings.add("Consent.decision", REFUSES)
    provisions = _levels(roots, base, home, "Consent.provision", warnings)
    return resource, ReadPolicy(GivenPolicy(base=base, dialect="r5", provisions=provisions), period)


def _levels(
    provisions: list[RootProvision], above: Type, home: Home, path: str, warnings: Warnings
) -> tuple[GivenProvision, ...]:
    kind: Type = "deny" if above == "permit" else "permit"
    found: list[GivenProvision] = []
    for i, provision in enumerate(provisions):
        where = f"{path}[{i}]"
        criteria = criteria_of(provision, kind, home, where, warnings)
        nested = _levels(provision.provision, kind, home, f"{where}.provision", warnings)
        found += criteria.provisions(kind, period=period_of(provision.period), nested=nested)
    return tuple(found)


def _as_r4(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {n: value[n] for n in _KEPT if n in value}
    found |= {new: value[old] for old, new in _RENAMED.items() if old in value}
    found["status"] = _STATUS.get(str(value.get("status")), value.get("status"))
    found["scope"] = {"coding": [{"system": codes.SCOPE, "code": "patient-privacy"}]}
    found.setdefault("category", [{"coding": [{"system": codes.LOINC, "code": "59284-0"}]}])
    # R4 has no basis without a policy; R5's stands in regulatoryBasis, policyBasis or the text
    found["policy"] = [{"uri": _basis(value.get("policyBasis")) or codes.POLICY_URI}]
    for name in ("sourceAttachment", "sourceReference"):
        if isinstance(value.get(name), list) and value[name]:
            found[name] = value[name][0]
    if "sourceAttachment" in found:
        found.pop("sourceReference", None)
    provisions = value.get("provision", [])
    below = [_provision(p) for p in provisions] if isinstance(provisions, list) else provisions
    root = {**({"provision": below} if below else {}), **({"period": value["period"]} if "period" in value else {})}
    return {**found, **({"provision": root} if root else {})}


def _basis(policy: Any) -> str:
    return str(policy.get("uri") or "") if isinstance(policy, dict) else ""


def _provision(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {n: v for n, v in value.items() if n not in ("resourceType", "documentType", "provision", "expression")}
    if "expression" in value:  # a rule that is not understood here: neither permit nor denial may lean on it
        found["code"] = [*found.get("code", []), {"coding": [{"code": "expression"}]}]
    classes = [*_list(value.get("resourceType")), *_list(value.get("documentType"))]
    if classes:
        found["class"] = classes
    nested = value.get("provision")
    if isinstance(nested, list):
        found["provision"] = [_provision(p) for p in nested]
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

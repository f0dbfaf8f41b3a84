"""A FHIR R4 Consent as it comes in: checked against the elements that R4 knows, and read where it counts for decisions.

Sources: HL7 FHIR R4 (4.0.1), Consent, its invariants ppc-1 to ppc-5; modifierExtension and implicitRules must be understood or
refused (R4, Extensibility), and none is understood here.
"""

import calendar
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.consent.domain.errors import FormFault, InvalidForm
from shared.values.time import read_instant

_ELEMENT: Final = {"id", "extension", "modifierExtension"}
_PROVISION: Final = {
    *_ELEMENT, "type", "period", "actor", "action", "securityLabel", "purpose", "class", "code", "dataPeriod", "data",
    "provision",
}  # fmt: skip
_CONSENT: Final = {
    *_ELEMENT, "resourceType", "meta", "implicitRules", "language", "text", "contained", "identifier", "status", "scope",
    "category", "patient", "dateTime", "performer", "organization", "sourceAttachment", "sourceReference", "policy",
    "policyRule", "verification", "provision",
}  # fmt: skip
_SCALARS: Final = {"resourceType", "meta", "implicitRules", "language", "text", "status", "scope", "patient", "dateTime",
                   "sourceAttachment", "sourceReference", "policyRule"}  # fmt: skip
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
    r"(T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]))?)?)?"
)
_REFERENCE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{2,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")
MAX_DEPTH: Final = 60
"""levels of nesting in the JSON"""


class Part(BaseModel):
    """What is read of an element; whatever else it holds is kept with the source."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True, populate_by_name=True)


class Coding(Part):
    system: str = ""
    code: str = ""


class Concept(Part):
    coding: list[Coding] = Field(default_factory=list)


class Identifier(Part):
    system: str = ""
    value: str = ""


class Reference(Part):
    reference: str = ""
    identifier: Identifier | None = None
    display: str = ""

    @property
    def type_and_id(self) -> tuple[str, str] | None:
        """Of a literal reference, relative or absolute; None where it has none."""
        match = _REFERENCE.fullmatch(self.reference)
        return (match[1], match[2]) if match else None


class Period(Part):
    start: str | None = None
    end: str | None = None


class Actor(Part):
    role: Concept
    reference: Reference


class Data(Part):
    meaning: Literal["instance", "related", "dependents", "authoredby"]
    reference: Reference


class RootProvision(Part):
    """A provision at any level; the root's `type` may be absent."""

    type: Literal["permit", "deny"] | None = None
    period: Period | None = None
    actor: list[Actor] = Field(default_factory=list)
    action: list[Concept] = Field(default_factory=list)
    security_label: list[Coding] = Field(default_factory=list, alias="securityLabel")
    purpose: list[Coding] = Field(default_factory=list)
    class_: list[Coding] = Field(default_factory=list, alias="class")
    code: list[Concept] = Field(default_factory=list)
    data_period: Period | None = Field(default=None, alias="dataPeriod")
    data: list[Data] = Field(default_factory=list)
    provision: list["RootProvision"] = Field(default_factory=list)


class Meta(Part):
    profile: list[str] = Field(default_factory=list)


class PolicyStatement(Part):
    uri: str = ""
    authority: str = ""


class Attachment(Part):
    title: str = ""
    url: str = ""


class ConsentResource(Part):
    id: str = ""
    meta: Meta = Field(default_factory=Meta)
    status: Literal["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"]
    scope: Concept
    category: list[Concept] = Field(min_length=1)
    patient: Reference
    date_time: str | None = Field(default=None, alias="dateTime")
    performer: list[Reference] = Field(default_factory=list)
    organization: list[Reference] = Field(default_factory=list)
    source_attachment: Attachment | None = Field(default=None, alias="sourceAttachment")
    source_reference: Reference | None = Field(default=None, alias="sourceReference")
    policy: list[PolicyStatement] = Field(default_factory=list)
    policy_rule: Concept | None = Field(default=None, alias="policyRule")
    provision: RootProvision | None = None

    @property
    def has_source(self) -> bool:
        return self.source_attachment is not None or self.source_reference is not None


def _no_constant(_: str) -> Any:
    raise ValueError("not JSON")


def parse_json(text: str) -> Any:
    """JSON with decimals kept as written (their precision counts in FHIR). ValueError where it is none, or is too deep."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if _deeper(value, MAX_DEPTH):
        raise ValueError("nested too deep")
    return value


def _deeper(value: Any, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if left == 0:
        return True
    return any(_deeper(v, left - 1) for v in (value.values() if isinstance(value, dict) else value))


def read_resource(value: Any) -> ConsentResource:
    """The resource behind parsed JSON. InvalidForm with every fault; pointers are FHIRPath, as OperationOutcome has them."""
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise InvalidForm([FormFault("Consent.resourceType", "send one Consent resource")])
    found = list(_faults(value))
    try:
        resource = ConsentResource.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidForm([*found, *(FormFault(_path(e["loc"]), e["msg"]) for e in details)]) from None
    found += _invariants(resource)
    if found:
        raise InvalidForm(found)
    return resource


def _faults(value: dict[str, Any]) -> Iterator[FormFault]:
    yield from _unknown(value, _CONSENT, "Consent")
    for name in ("provision",):
        if isinstance(value.get(name), dict):
            yield from _provision_faults(value[name], "Consent.provision")
    for path in _modifiers(value, "Consent"):
        yield FormFault(path, "modifies the meaning and is not understood here: send a consent without it")
    for name in sorted(_SCALARS & set(value)):
        if isinstance(value[name], list):
            yield FormFault(f"Consent.{name}", "occurs once: not a list")


def _unknown(value: dict[str, Any], known: set[str], path: str) -> Iterator[FormFault]:
    for name in value:
        if name.removeprefix("_") not in known:
            yield FormFault(path, "has an element that FHIR R4 does not know")


def _provision_faults(value: dict[str, Any], path: str) -> Iterator[FormFault]:
    yield from _unknown(value, _PROVISION, path)
    nested = value.get("provision")
    for i, below in enumerate(nested if isinstance(nested, list) else []):
        if isinstance(below, dict):
            yield from _provision_faults(below, f"{path}.provision[{i}]")


def _modifiers(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _modifiers(item, f"{path}[{i}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in ("modifierExtension", "implicitRules") or name == "_implicitRules":
                yield f"{path}.{name}"
            elif name != "contained":
                yield from _modifiers(item, f"{path}.{name}")


def _invariants(resource: ConsentResource) -> Iterator[FormFault]:
    if resource.source_attachment is not None and resource.source_reference is not None:
        yield FormFault("Consent.source", "an attachment or a reference, not both")
    if not resource.policy and resource.policy_rule is None:
        yield FormFault("Consent", "ppc-1: either a policy or a policyRule")
    for i, statement in enumerate(resource.policy):
        if not (statement.uri or statement.authority):
            yield FormFault(f"Consent.policy[{i}]", "a uri or an authority")
    if resource.date_time is not None and not _DATE_TIME.fullmatch(resource.date_time):
        yield FormFault("Consent.dateTime", "a FHIR dateTime that exists, with its offset where it has a time")
    if resource.provision is not None:
        yield from _period_faults(resource.provision, "Consent.provision")


def _period_faults(provision: RootProvision, path: str) -> Iterator[FormFault]:
    for name, period in (("period", provision.period), ("dataPeriod", provision.data_period)):
        for end in ("start", "end"):
            text = getattr(period, end, None)
            if text is not None and not is_date_time(text):
                yield FormFault(f"{path}.{name}.{end}", "a FHIR dateTime that exists, with its offset where it has a time")
    for i, below in enumerate(provision.provision):
        yield from _period_faults(below, f"{path}.provision[{i}]")


def is_date_time(text: str) -> bool:
    """Whether it is a FHIR dateTime of a day that exists."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or match[1] == "0000":
        return False
    if match[4]:
        try:
            read_instant(text)
        except ValueError:
            return False
    return match[3] is None or int(match[3]) <= calendar.monthrange(int(match[1]), int(match[2]))[1]


def as_start(text: str) -> str:
    """A FHIR dateTime as the beginning of a period: a year or month begins with its first day."""
    match = _DATE_TIME.fullmatch(text)
    assert match is not None
    return _precise(text) if match[4] else f"{match[1]}-{match[2] or '01'}-{match[3] or '01'}"


def as_end(text: str) -> str:
    """A FHIR dateTime as the end of a period: a year or month ends with its last day, a day is included whole."""
    match = _DATE_TIME.fullmatch(text)
    assert match is not None
    if match[4]:
        return _precise(text)
    month = match[2] or "12"
    last = calendar.monthrange(int(match[1]), int(month))[1]
    return f"{match[1]}-{month}-{match[3] or f'{last:02}'}"


def _precise(text: str) -> str:
    """Instants here have microseconds at most."""
    return re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", text)


def _path(place: tuple[int | str, ...]) -> str:
    path = "Consent"
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path

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
from services.consent.domain.fhir import shape
from services.consent.domain.periods import end_instant, first_instant
from services.consent.domain.policies import MAX_DEPTH as MAX_LEVELS
from services.consent.domain.policies import MAX_PROVISIONS
from shared.entry.json_text import BadJson, read_json_text
from shared.values.time import read_instant

MOST: Final = 100
"""of one list in a provision: as many as a provision here can name"""
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01])"
    r"(T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]))?)?)?"
)
_ELEMENT_NAME: Final = re.compile(r"_?[a-z][A-Za-z]{0,63}")
_REFERENCE: Final = re.compile(r"([A-Z][A-Za-z]{2,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")


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

    def literal(self, base: str) -> tuple[str, str] | None:
        """Type and id of what this server has, by a relative address or one below `base` (`https://host/fhir/R4`).

        None where it has no literal reference, and for a resource of another server: the same id is another's there.
        """
        match = _REFERENCE.fullmatch(self.reference.removeprefix(f"{base}/") if base else self.reference)
        return (match[1], match[2]) if match else None

    def is_of(self, kind: str) -> bool:
        """Whether it names a resource of that type, on whatever server."""
        return f"/{kind}/" in f"/{self.reference}"


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
    actor: list[Actor] = Field(default_factory=list, max_length=MOST)
    action: list[Concept] = Field(default_factory=list, max_length=MOST)
    security_label: list[Coding] = Field(default_factory=list, max_length=MOST, alias="securityLabel")
    purpose: list[Coding] = Field(default_factory=list, max_length=MOST)
    class_: list[Coding] = Field(default_factory=list, max_length=MOST, alias="class")
    code: list[Concept] = Field(default_factory=list, max_length=MOST)
    data_period: Period | None = Field(default=None, alias="dataPeriod")
    data: list[Data] = Field(default_factory=list, max_length=MOST)
    provision: list["RootProvision"] = Field(default_factory=list, max_length=MOST)


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


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= 18 else Decimal(text)


def _no_constant(_: str) -> Any:
    raise ValueError("not JSON")


def parse_json(text: str) -> Any:
    """What was sent, as JSON with decimals kept as written (their precision counts in FHIR). NotJson where it is none;
    InvalidForm where a name stands twice, a text is not valid, or a number is out of bounds."""
    try:
        return read_json_text(text, exact_decimals=True)
    except BadJson as error:
        raise InvalidForm([FormFault(_sent_path(f.path), f.detail) for f in error.faults]) from None


def stored_json(text: str) -> Any:
    """What this or an earlier release stored, as JSON: not checked again. ValueError, ArithmeticError where it cannot be read."""
    return json.loads(text, parse_int=_whole, parse_float=Decimal, parse_constant=_no_constant)


def read_resource(value: Any) -> ConsentResource:
    """The resource behind parsed JSON. InvalidForm with every fault; pointers are FHIRPath, as OperationOutcome has them."""
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise InvalidForm([FormFault("Consent.resourceType", "send one Consent resource")])
    found = list(shape.faults(value))
    try:
        resource = ConsentResource.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidForm([*found, *(FormFault(_path(e["loc"]), e["msg"]) for e in details)]) from None
    found += _invariants(resource)
    if found:
        raise InvalidForm(found)
    return resource


def _invariants(resource: ConsentResource) -> Iterator[FormFault]:
    if resource.source_attachment is not None and resource.source_reference is not None:
        yield FormFault("Consent.source", "an attachment or a reference, not both")
    if not resource.policy and resource.policy_rule is None:
        yield FormFault("Consent", "ppc-1: either a policy or a policyRule")
    for i, statement in enumerate(resource.policy):
        if not (statement.uri or statement.authority):
            yield FormFault(f"Consent.policy[{i}]", "a uri or an authority")
    if resource.date_time is not None and not is_date_time(resource.date_time):
        yield FormFault("Consent.dateTime", "a FHIR dateTime that exists, with its offset where it has a time")
    if resource.provision is not None:
        yield from _period_faults(resource.provision, "Consent.provision")
        yield from _extent_faults(resource.provision)


def _extent_faults(root: RootProvision) -> Iterator[FormFault]:
    every = list(_below(root, "Consent.provision", 0))
    if len(every) > MAX_PROVISIONS:
        yield FormFault("Consent.provision", f"at most {MAX_PROVISIONS} provisions, nested ones counted")
    yield from (FormFault(path, f"nested at most {MAX_LEVELS} levels deep") for path, depth in every if depth > MAX_LEVELS)


def _below(provision: RootProvision, path: str, depth: int) -> Iterator[tuple[str, int]]:
    for i, below in enumerate(provision.provision):
        yield f"{path}.provision[{i}]", depth + 1
        yield from _below(below, f"{path}.provision[{i}]", depth + 1)


def _period_faults(provision: RootProvision, path: str) -> Iterator[FormFault]:
    for name, period in (("period", provision.period), ("dataPeriod", provision.data_period)):
        wrong = [e for e in ("start", "end") if (text := getattr(period, e, None)) is not None and not is_date_time(text)]
        for end in wrong:
            yield FormFault(f"{path}.{name}.{end}", "a FHIR dateTime that exists, with its offset where it has a time")
        if not wrong and period is not None and period.start and period.end and _reversed(period.start, period.end):
            yield FormFault(f"{path}.{name}.end", "must be after start")
    for i, below in enumerate(provision.provision):
        yield from _period_faults(below, f"{path}.provision[{i}]")


def is_date_time(text: str) -> bool:
    """Whether it is a FHIR dateTime of a day that exists."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or match[1] == "0000":
        return False
    if match[3] is not None and int(match[3]) > calendar.monthrange(int(match[1]), int(match[2]))[1]:
        return False
    try:
        if match[4]:
            read_instant(text)
        first_instant(as_start(text))
    except ValueError:  # no instant, or within a day of the first or the last one that there is
        return False
    return True


def _reversed(start: str, end: str) -> bool:
    return end_instant(as_end(end)) <= first_instant(as_start(start))


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


def _sent_path(place: tuple[int | str, ...]) -> str:
    """FHIRPath of a place in what was sent, as far as its names can be elements: a name that was typed is not repeated."""
    known = [part for part in place if isinstance(part, int) or _ELEMENT_NAME.fullmatch(part)]
    return _path(tuple(known))


def _path(place: tuple[int | str, ...]) -> str:
    path = "Consent"
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path

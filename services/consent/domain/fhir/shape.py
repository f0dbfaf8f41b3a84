"""The shape of a Consent in JSON, before it is read: which elements it has, how often, and that nothing is empty.

Sources: HL7 FHIR R4 (4.0.1), Consent; JSON Representation; modifierExtension and implicitRules must be understood or refused
(R4, Extensibility), and none is understood here.
"""

from collections.abc import Iterator
from typing import Any, Final

from services.consent.domain.errors import FormFault, InvalidForm
from services.consent.domain.fhir import narrative

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


_ELEMENT_OF: Final = (
    ("/elements/discloser", "Consent.organization"),
    ("/elements", "Consent.provision"),
    ("/policy", "Consent.provision"),
    ("/period", "Consent.provision.period"),
)
"""pointer into a form → the element that it was read from"""


def in_fhir(error: InvalidForm) -> InvalidForm:
    """The faults of a form that was read from a resource, by the resource's elements."""
    found = []
    for fault in error.faults:
        element = next((e for begin, e in _ELEMENT_OF if fault.pointer.startswith(begin)), "Consent")
        found.append(fault if fault.pointer.startswith("Consent") else FormFault(element, fault.detail))
    return InvalidForm(found)


def faults(value: dict[str, Any]) -> Iterator[FormFault]:
    """What is wrong with it as a resource of R4; pointers are FHIRPath."""
    yield from _unknown(value, _CONSENT, "Consent")
    for name in ("provision",):
        if isinstance(value.get(name), dict):
            yield from _provision_faults(value[name], "Consent.provision")
    yield from empty(value, "Consent")
    yield from (FormFault(path, said) for path, said in narrative.faults(value, "Consent"))
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


def empty(value: Any, path: str, *, gaps: bool = False) -> Iterator[FormFault]:
    """Every empty thing by its path; nothing is null but the gaps of a list of primitives beside its extensions (`gaps`)."""
    if value is None:
        if not gaps:
            yield FormFault(path, "null: leave the element out")
    elif isinstance(value, str):
        if not value.strip():
            yield FormFault(path, "empty text: leave the element out")
    elif isinstance(value, list):
        if not value:
            yield FormFault(path, "an empty list: leave the element out")
        for i, item in enumerate(value):
            yield from empty(item, f"{path}[{i}]", gaps=gaps)
    elif isinstance(value, dict):
        if not value:
            yield FormFault(path, "an empty object: leave the element out")
        for name, item in value.items():
            # `given` and `_given` are two lists side by side; where one has nothing to say, it has null
            beside = isinstance(item, list) and (name.startswith("_") or isinstance(value.get(f"_{name}"), list))
            yield from empty(item, f"{path}.{name}", gaps=beside) if _is_name(name) else iter((_unnamed(path),))


def _is_name(name: str) -> bool:
    """Whether it can be an element's name, and so can be repeated in a path: nobody's words."""
    return 0 < len(name) <= 64 and name.isascii() and name.removeprefix("_").isalnum()


def _unnamed(path: str) -> FormFault:
    return FormFault(path, "has a name that no element of FHIR has")

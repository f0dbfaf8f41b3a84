"""A consent as a FHIR R4 resource: as it came, or, where it was made here, in R4's own words.

What came over FHIR is given back as it was sent, with the id, the version and the status that hold here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.consent.domain.consent import Consent
from services.consent.domain.events import Grantor
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.resource import stored_json
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from shared.contracts.consent_policy import ConsentStatus
from shared.contracts.disclosure import Action

_FHIR_ID: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")
_GATE_ACTIONS: Final = frozenset(str(a) for a in Action)
_OBSERVATION_VALUE: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of the consent is shown, and what goes beside its state."""

    state: Consent
    status: ConsentStatus
    last_updated: datetime
    tenant: str
    sent_status: str | None = None
    """the status in the source; None for a consent that was made here"""


def status_of(version: Version) -> str:
    """What holds here. A consent that never counted, or does not any more, keeps the word of its sender."""
    shown = codes.STATUS_SHOWN[version.status]
    sent = version.sent_status
    if sent is None or shown == "active":
        return shown
    if shown == "proposed":
        return sent if sent in ("draft", "proposed") else "proposed"
    return sent if sent not in codes.OPEN_STATUSES else shown


def render_source(version: Version, source: str) -> dict[str, Any]:
    """The resource as it was sent, under the id and version that it has here."""
    resource: dict[str, Any] = stored_json(source)
    return {**resource, **_head(version, resource.get("meta")), "status": status_of(version)}


def render(version: Version, grantor: Grantor | None) -> dict[str, Any]:
    """A consent that was made here. `grantor` is None where its words are erased."""
    form = version.state.form
    kind = codes.KINDS[form.kind]
    system, code = kind.category
    patient = {"reference": f"Patient/{form.client_id}"}
    shown: dict[str, Any] = {
        "resourceType": "Consent",
        **_head(version, None),
        "status": status_of(version),
        "scope": {"coding": [{"system": codes.SCOPE, "code": kind.scope}]},
        "category": [{"coding": [{"system": system, "code": code}, {"system": codes.KIND, "code": str(form.kind)}]}],
        "patient": patient,
        "dateTime": version.state.created_at.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
    if grantor is not None:
        own = grantor.role.strip().lower() in ("client", "patient", "self")
        shown["performer"] = [{**patient, "display": grantor.name} if own else {"type": "RelatedPerson", "display": grantor.name}]
    shown["organization"] = [{"reference": f"Organization/{version.tenant}"}]
    return {**shown, **_policy(form.policy, form.period)}


def render_erased(version: Version, *, had_source: bool) -> dict[str, Any]:
    """The words are gone; what decisions still rest on is shown, and said to be all there is."""
    shown = render(version, None)
    shown["meta"]["security"] = [{"system": _OBSERVATION_VALUE, "code": "REDACTED"}]
    shown["text"] = {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml">The words of this consent were erased'
        f"{', with the resource that was sent' if had_source else ''}.</div>",
    }
    return shown


def _head(version: Version, meta: Any) -> dict[str, Any]:
    kept = meta if isinstance(meta, dict) else {}
    own = {
        "versionId": str(version.state.version),
        "lastUpdated": version.last_updated.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
    return {"id": str(version.state.consent_id), "meta": {**kept, **own}}


def _policy(policy: GivenPolicy, period: GivenPeriod) -> dict[str, Any]:
    root: dict[str, Any] = {"period": _period(period)}
    # a root without type would leave open what permissions under OPTIN mean: see domain/fhir/dialects.py
    only_permits = policy.base == "permit" and policy.provisions and all(p.type == "permit" for p in policy.provisions)
    pcf = policy.dialect == "pcf" and policy.base != "silent"
    if pcf or only_permits:
        root["type"] = policy.base
    if policy.provisions:
        root["provision"] = [_provision(p) for p in policy.provisions]
    refuses = policy.machine().refuses
    if pcf or (policy.base != "permit" and not refuses):  # R4 has no rule that leaves open what no provision names
        return {"policy": [{"uri": codes.POLICY_URI}], "provision": root}
    rule = "OPTOUT" if refuses else "OPTIN"
    return {"policyRule": {"coding": [{"system": codes.ACT_CODE, "code": rule}]}, "provision": root}


def _provision(p: GivenProvision) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": p.type}
    if p.period:
        shown["period"] = _period(p.period)
    actors = [_actor(reference_to(sub)) for sub in p.actors]
    actors += [_actor({"type": "Group", "identifier": {"system": codes.RELATIONSHIP, "value": role}}) for role in p.roles]
    for name, found in (
        ("actor", actors),
        ("action", [_action(code) for code in p.actions]),
        ("securityLabel", [_label(code) for code in p.labels]),
        ("purpose", [{"system": codes.ACT_REASON, "code": code} for code in p.purposes]),
        ("class", [_class(code) for code in p.resource_types]),
        ("dataPeriod", _period(p.data_period) if p.data_period else None),
        ("provision", [_provision(below) for below in p.provisions]),
    ):
        if found:
            shown[name] = found
    return shown


def reference_to(sub: str) -> dict[str, Any]:
    """A reference to a person or system by the `sub` of their token."""
    if len(sub) <= 64 and set(sub) <= _FHIR_ID:
        return {"reference": f"Practitioner/{sub}"}
    return {"type": "Practitioner", "identifier": {"system": codes.SUBJECT, "value": sub}}


def _actor(reference: dict[str, Any]) -> dict[str, Any]:
    return {"role": {"coding": [{"system": codes.PARTICIPATION, "code": "IRCP"}]}, "reference": reference}


def _action(code: str) -> dict[str, Any]:
    system = codes.GATE_ACTION if code in _GATE_ACTIONS else codes.ACTION
    return {"coding": [{"system": system, "code": code}]}


def _label(code: str) -> dict[str, str]:
    return {"system": codes.CONFIDENTIALITY if code in ("U", "L", "M", "N", "R", "V") else codes.ACT_CODE, "code": code}


def _class(code: str) -> dict[str, str]:
    return {"system": codes.RESOURCE_TYPES if code[0].isupper() else codes.RECORD_CLASS, "code": code}


def _period(period: GivenPeriod) -> dict[str, str]:
    return {"start": period.start, **({"end": period.end} if period.end else {})}

"""An entry as FHIR R4 AuditEvents by the IHE BALP 1.1 profiles (Basic Audit Log Patterns): one event a client and statement.

What an entry says decides which events it is shown as:
- a permitted use: `<index>`, by PatientCreate, Read, Update or Query, and the decision behind it, `-decision` (AuthZconsent);
- a refused one: the decision alone, with outcome 8;
- a permitted use by another record system, or for a purpose that is accounted for: `<index>-disclosure` as well
  (PrivacyDisclosure.Source; .Recipient where that system wrote into this record);
- a disclosure that was entered by hand: `<index>-disclosure` alone, with the day on which it was made as its period;
- erasures: PatientDelete where data of a client went; looks into the ledger: PatientQuery, or a plain query without a client;
- grants, release choices, policy changes, alarms: an AuditEvent without a profile.
"""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import orjson

from services.audit_log.balp.domain.codes import (
    AUDIT_TYPE,
    AUTHZ,
    BALP,
    DCM,
    ENTITY_TYPE,
    INTERACTION,
    LIFECYCLE,
    OBJECT_ROLE,
    OUTCOMES,
    PARTICIPATION,
    PURPOSES,
    REQUEST_ID,
    RESOURCES,
    ROLE_CLASS,
    SECURITY_ROLE,
    SOURCE_TYPE,
    USES,
    Use,
    coded,
    coding,
)
from services.audit_log.ledger.domain.accounting import BY_HAND, accountable
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.words import THINGS

Event = dict[str, Any]
_SELF: Final = {"display": "audit_log"}
_WHOLE_RECORD: Final = "the client's record"


def audit_events(index: int, entry: Entry, origin: str) -> list[Event]:
    """`origin`: name of the log. Never empty."""
    return list(_events(index, entry, origin))


def accounted_event(index: int, entry: Entry, origin: str, recipient: str) -> Event:
    """An entry of the accounting of disclosures, with the recipient outside the practice and their address."""
    return _Maker(index, entry, origin, recipient).disclosure(USES.get(entry.action))


def _events(index: int, entry: Entry, origin: str) -> Iterator[Event]:
    made = _Maker(index, entry, origin)
    if entry.action == BY_HAND and entry.outcome == "permit":
        yield made.disclosure(None)
    elif entry.kind is EntryKind.DISCLOSURE and entry.client_id is not None:
        use = USES.get(entry.action)
        if entry.outcome == "permit" and use is not None:
            yield made.use(use)
            if _disclosed(entry):
                yield made.disclosure(use)
        yield made.decision()
    elif entry.kind is EntryKind.ERASURE and entry.client_id is not None and entry.action.endswith(("erased", "destroyed")):
        yield made.deletion()
    elif entry.kind in (EntryKind.QUERY, EntryKind.DISCLOSURE):
        yield made.query()
    else:
        yield made.other()


def _disclosed(entry: Entry) -> bool:
    return entry.agent_role == "ehr_system" or accountable(entry)


class _Maker:
    def __init__(self, index: int, entry: Entry, origin: str, recipient: str | None = None) -> None:
        self._entry, self._index, self._origin = entry, index, origin
        self._recipient = recipient or entry.detail.get("recipient")

    def use(self, use: Use) -> Event:
        entities = [self._patient(), *self._data(), self._request()]
        if use.profile == "PatientQuery":
            entities = [self._patient(), self._query(), *self._data(first=False), self._request()]
        client, server = ("110153", "110152") if use.profile != "PatientRead" else ("110152", "110153")
        return self._event(
            "",
            profile=f"IHE.BasicAudit.{use.profile}",
            type_=coding(AUDIT_TYPE, "rest", "Restful Operation"),
            subtype=[coding(INTERACTION, use.interaction)],
            action=use.action,
            agents=[
                self._machine(DCM, client, self._entry.service),
                self._machine(DCM, server, self._origin),
                self._user(use.participation),
            ],
            entities=entities,
        )

    def deletion(self) -> Event:
        custodian = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
        return self._event(
            "",
            profile="IHE.BasicAudit.PatientDelete",
            type_=coding(AUDIT_TYPE, "rest", "Restful Operation"),
            subtype=[coding(INTERACTION, "delete")],
            action="D",
            agents=[
                self._machine(DCM, "110150", self._entry.service),
                self._machine(custodian, "custodian", self._origin),
                self._user("CST"),
            ],
            entities=[self._patient(), *self._data(), self._request()],
        )

    def query(self) -> Event:
        patient = [self._patient()] if self._entry.client_id is not None else []
        permitted = self._entry.outcome != "deny"
        profile = f"IHE.BasicAudit.{'PatientQuery' if patient else 'Query'}"
        return self._event(
            "",
            profile=profile if permitted else None,  # the profiles are of what succeeded
            type_=coding(AUDIT_TYPE, "rest", "Restful Operation"),
            subtype=[coding(INTERACTION, "search-type")],
            action="E",
            agents=[
                self._machine(DCM, "110153", self._entry.service),
                self._machine(DCM, "110152", self._origin),
                self._user("IRCP"),
            ],
            entities=[*patient, self._query(), self._request()],
        )

    def decision(self) -> Event:
        consents = [basis.partition(":")[2] for basis in self._entry.basis if basis.startswith("consent:")]
        kind = {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}
        named: list[Event] = [{"what": {"reference": f"Consent/{c}"}, "type": kind} for c in consents]
        return self._event(
            "-decision",
            profile="IHE.BasicAudit.AuthZconsent",
            type_=coding(DCM, "110113", "Security Alert"),
            subtype=[coding(AUTHZ, "AuthZ-Consent")],
            action="E",
            agents=[
                self._machine(DCM, "110150", self._entry.service),
                self._user("IRCP"),
                {"type": coded(ROLE_CLASS, "PROV"), "who": {"display": self._origin}, "requestor": False},
                {"type": coded(SECURITY_ROLE, "authserver"), "who": _SELF, "requestor": False},
            ],
            entities=[self._patient(), *(named or [{"what": {"display": "no consent decided this"}, "type": kind}])],
        )

    def disclosure(self, use: Use | None) -> Event:
        """To another record system or outside treatment, payment and operations; `.Recipient` where it wrote to us. `use` is
        None of what was disclosed outside this system."""
        received = use is not None and use.action in ("C", "U")
        outside = self._recipient or self._entry.agent_name or self._entry.agent
        source, recipient = ({"display": outside}, _SELF) if received else (_SELF, {"display": outside})
        data = self._data() or [{"what": {"display": _WHOLE_RECORD}, **_typed("2", "4")}]
        return self._event(
            "-disclosure",
            profile=f"IHE.BasicAudit.PrivacyDisclosure.{'Recipient' if received else 'Source'}",
            type_=coding(DCM, "110107", "Import") if received else coding(DCM, "110106", "Export"),
            subtype=[coding(LIFECYCLE, "disclose"), *([coding(INTERACTION, use.interaction)] if use else [])],
            action="C" if received else "R",
            agents=[
                {**self._machine(DCM, "110153", outside if received else self._origin), "who": source},
                {**self._machine(DCM, "110152", self._origin if received else outside), "who": recipient},
                self._user("IRCP"),
            ],
            entities=[self._patient(), *data],
        )

    def other(self) -> Event:
        subtype = [coding(DCM, "110136", "Security Roles Changed")] if self._entry.kind is EntryKind.GRANT else []
        patient = [self._patient()] if self._entry.client_id is not None else []
        return self._event(
            "",
            profile=None,
            type_=coding(DCM, "110113", "Security Alert"),
            subtype=subtype,
            action="E",
            agents=[self._user("CST")],
            entities=[*patient, *self._data(), self._request()],
        )

    def _event(
        self,
        suffix: str,
        *,
        profile: str | None,
        type_: Event,
        subtype: list[Event],
        action: str,
        agents: list[Event],
        entities: list[Event],
    ) -> Event:
        entry = self._entry
        meta = {"lastUpdated": instant(entry.at), **({"profile": [f"{BALP}/{profile}"]} if profile else {})}
        purpose = [coded(PURPOSES, entry.purpose)] if entry.purpose else []
        return {
            "resourceType": "AuditEvent",
            "id": f"{self._index}{suffix}",
            "meta": meta,
            "type": type_,
            **({"subtype": subtype} if subtype else {}),
            "action": action,
            **({"period": {"start": on, "end": on}} if (on := entry.detail.get("on")) and entry.action == BY_HAND else {}),
            "recorded": instant(entry.at),
            "outcome": OUTCOMES[entry.outcome],
            **({"outcomeDesc": entry.reason} if entry.reason else {}),
            **({"purposeOfEvent": purpose} if purpose else {}),
            "agent": agents,
            "source": {"site": self._origin, "observer": _SELF, "type": [coding(SOURCE_TYPE, "4", "Application Server")]},
            "entity": entities,
        }

    def _machine(self, system: str, code: str, name: str) -> Event:
        return {
            "type": coded(system, code),
            "who": {"display": name},
            "requestor": False,
            "network": {"address": name, "type": "1"},
        }

    def _user(self, participation: str) -> Event:
        entry = self._entry
        return {
            "type": coded(PARTICIPATION, participation),
            "who": {"identifier": {"value": entry.agent}, **({"display": entry.agent_name} if entry.agent_name else {})},
            "requestor": True,
            **({"name": entry.agent_name} if entry.agent_name else {}),
            **({"role": [{"text": entry.agent_role}]} if entry.agent_role else {}),
            **({"purposeOfUse": [coded(PURPOSES, entry.purpose)]} if entry.purpose else {}),
        }

    def _patient(self) -> Event:
        return {"what": {"reference": f"Patient/{self._entry.client_id}"}, **_typed("1", "1")}

    def _data(self, *, first: bool = True) -> list[Event]:
        """The first as BALP's `data`, of which there is one; the others by their resource type. Without any: the record."""
        records = self._entry.records
        if not records:
            return [{"what": {"display": _WHOLE_RECORD}, **_typed("2", "4")}] if first else []
        shown = [_record(r) for r in records]
        if first:
            shown[0] |= _typed("2", "4")
        return shown

    def _query(self) -> Event:
        entry = self._entry
        asked = {"action": entry.action, "service": entry.service, "client_id": entry.client_id, **_asked(entry)}
        return {**_typed("2", "24"), "query": b64encode(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).decode()}

    def _request(self) -> Event:
        value = self._entry.request_id or f"entry-{self._index}"
        return {"what": {"identifier": {"value": value}}, "type": {"system": REQUEST_ID, "code": "XrequestId"}}


def _asked(entry: Entry) -> dict[str, Any]:
    query = entry.detail.get("query")
    return {"query": query} if isinstance(query, dict) else {}


def _typed(entity_type: str, role: str) -> Event:
    return {"type": {"system": ENTITY_TYPE, "code": entity_type}, "role": {"system": OBJECT_ROLE, "code": role}}


def _record(record: EntryRecord) -> Event:
    resource = RESOURCES.get(record.record_type, "Basic")
    if record.record_id == record.record_type:  # entered by hand, by its kind alone
        return {"what": {"type": resource, "display": THINGS[record.record_type][0]}, **_typed("2", "4")}
    what = {"type": resource, "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{record.record_id}"}}
    return {
        "what": what,
        "type": {"system": "http://hl7.org/fhir/resource-types", "code": resource},
        "role": {"system": OBJECT_ROLE, "code": "4"},
    }

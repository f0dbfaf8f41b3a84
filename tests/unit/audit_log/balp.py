"""The rules of the BALP 1.1 profiles that an AuditEvent claims, as the profiles state them; each breach in words."""

from typing import Any

DCM = "http://dicom.nema.org/resources/ontology/DCM"
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DATA_SOURCES = {"AUT", "INF", "CST"}
REST = {
    # profile: action, interactions, client's type, server's type, the person's types
    "PatientCreate": ("C", {"create"}, "110153", "110152", DATA_SOURCES),
    "PatientRead": ("R", {"read", "vread"}, "110152", "110153", {"IRCP"}),
    "PatientUpdate": ("U", {"update", "patch"}, "110153", "110152", DATA_SOURCES),
    "PatientDelete": ("D", {"delete"}, "110150", "custodian", DATA_SOURCES),
    "PatientQuery": ("E", {"search", "search-type", "search-system"}, "110153", "110152", {"IRCP"}),
    "Query": ("E", {"search", "search-type", "search-system"}, "110153", "110152", {"IRCP"}),
}
Event = dict[str, Any]


def breaches(event: Event) -> list[str]:
    found = []
    for profile in event["meta"].get("profile", []):
        name = profile.removeprefix(BALP)
        if name in REST:
            found += _rest(event, name)
        elif name == "AuthZconsent":
            found += _decision(event)
        else:
            found += _disclosure(event, name)
    return found


def _rest(event: Event, name: str) -> list[str]:
    action, interactions, client, server, persons = REST[name]
    types = [code(agent["type"]) for agent in event["agent"]]
    subtypes = [s["code"] for s in event["subtype"] if s["system"] == "http://hl7.org/fhir/restful-interaction"]
    users = [a for a in event["agent"] if code(a["type"]) in persons]
    checks = {
        "type": event["type"]["code"] == "rest",
        "action": event["action"] == action,
        "subtype": len(interactions.intersection(subtypes)) == 1,
        "success": event["outcome"] == "0",
        "client": types.count(client) == 1,
        "server": types.count(server) == 1,
        "user": len(users) <= 1 and all(u["requestor"] is True and "network" not in u and u.get("who") for u in users),
        "network": all("network" in a and a.get("who") for a in event["agent"] if a not in users),
        "request": all(e["what"]["identifier"]["value"] for e in entities(event, "XrequestId")),
        "patient": "Patient" not in name or _patient(event),
    }
    if name.endswith("Query"):
        queries = [e for e in entities(event, "2") if e["role"]["code"] == "24"]
        checks["query"] = (
            len(entities(event, "2")) == 1 and len(queries) == 1 and "what" not in queries[0] and bool(queries[0]["query"])
        )
    else:
        data = entities(event, "2")
        checks["data"] = len(data) == 1 and data[0]["role"]["code"] in ("4", "3", "20") and bool(data[0]["what"])
    return [f"{name}: {what}" for what, holds in checks.items() if not holds]


def _decision(event: Event) -> list[str]:
    by_type = {code(a["type"]): a for a in event["agent"]}
    consents = entities(event, "Consent")
    checks = {
        "type": event["type"] == {"system": DCM, "code": "110113", "display": "Security Alert"},
        "subtype": [s["code"] for s in event["subtype"]] == ["AuthZ-Consent"],
        "action": event["action"] == "E" and event["outcome"] in ("0", "8"),
        "agents": sorted(by_type) == ["110150", "IRCP", "PROV", "authserver"] and len(event["agent"]) == 4,
        "client": set(by_type["110150"]) == {"type", "who", "requestor", "network"},
        "authorizer": by_type["authserver"]["who"] == event["source"]["observer"],
        "organisation": set(by_type["PROV"]) == {"type", "who", "requestor"},
        "patient": _patient(event),
        "consent": bool(consents) and all("what" in c for c in consents),
        "closed": len(event["entity"]) == 1 + len(consents),
    }
    return [f"AuthZconsent: {what}" for what, holds in checks.items() if not holds]


def _disclosure(event: Event, name: str) -> list[str]:
    source = name.endswith("Source")
    ends = {code(a["type"]): a for a in event["agent"] if code(a["type"]) in ("110153", "110152")}
    own = ends["110153" if source else "110152"]
    checks = {
        "type": event["type"]["code"] == ("110106" if source else "110107"),
        "action": event["action"] == ("R" if source else "C"),
        "subtype": "disclose" in [s["code"] for s in event["subtype"]],
        "agents": len(ends) == 2 and all(a["who"] and a["network"] for a in ends.values()),
        "audit source": own["who"] == event["source"]["observer"],
        "patient": _patient(event) and len(event["entity"]) >= 2,
    }
    return [f"{name}: {what}" for what, holds in checks.items() if not holds]


def _patient(event: Event) -> bool:
    found = entities(event, "1")
    return len(found) == 1 and found[0]["role"]["code"] == "1" and found[0]["what"]["reference"].startswith("Patient/")


def entities(event: Event, kind: str) -> list[Event]:
    return [e for e in event["entity"] if e["type"]["code"] == kind]


def code(concept: Event) -> str:
    return str(concept["coding"][0]["code"])

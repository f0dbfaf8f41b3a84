"""The CapabilityStatement says what is served: no more, and no less."""

from datetime import date
from typing import Any

import pytest

from services.alliance_measurement.desk.api.surface import Surface
from services.alliance_measurement.fhir.api.questionnaire_search import SEARCH as QUESTIONNAIRE_SEARCH
from services.alliance_measurement.fhir.api.questionnaires import questionnaire_routes
from services.audit_log.balp.api import audit_event as audit_event
from services.audit_log.balp.api.query import SEARCH as AUDIT_SEARCH
from services.audit_log.balp.domain.codes import PROFILES as AUDIT_PROFILES
from services.consent.api import fhir
from services.consent.api.fhir_parameters import SEARCH
from services.consent.domain.fhir.codes import PROFILES
from services.ehr_gateway.domain.capability import capability_statement

_PLACES = {
    "create": ("POST", "/fhir/R4/{type}"),
    "search-type": ("GET", "/fhir/R4/{type}"),
    "read": ("GET", "/fhir/R4/{type}/{id}"),
    "update": ("PUT", "/fhir/R4/{type}/{id}"),
    "vread": ("GET", "/fhir/R4/{type}/{id}/_history/{id}"),
    "history-instance": ("GET", "/fhir/R4/{type}/{id}/_history"),
}
_BY_FORM = {
    ("POST", "/fhir/R4/Consent/_search"),
    ("POST", "/fhir/R4/AuditEvent/_search"),
    ("POST", "/fhir/R4/Questionnaire/_search"),
}
"""a second way of `search-type`"""


def served() -> set[tuple[str, str]]:
    nothing: Any = None
    routes = fhir.router(
        reading=nothing, writing=nothing, idempotency=nothing, cursors=nothing, callers=nothing, public_url="https://r.example"
    )
    audit = audit_event.fhir_router(nothing, nothing, nothing, nothing, public_url="https://r.example")
    instruments = questionnaire_routes(Surface(nothing, nothing, nothing), nothing, public_url="https://r.example")
    found = set()
    for route in (*routes.routes, *audit.routes, *instruments.routes):
        path: str = getattr(route, "path", "")
        if getattr(route, "include_in_schema", False):
            shape = "/".join("{id}" if part.startswith("{") else part for part in path.split("/"))
            found |= {(method, shape) for method in getattr(route, "methods", set())}
    return found


def stated() -> dict[str, dict[str, Any]]:
    statement = capability_statement(base_url="https://r.example", on=date(2026, 3, 2), version="1")
    return {resource["type"]: resource for resource in statement["rest"][0]["resource"]}


def test_every_interaction_stated_is_served_and_every_route_is_stated() -> None:
    places = {
        (method, path.replace("{type}", name))
        for name, resource in stated().items()
        for method, path in (_PLACES[i["code"]] for i in resource["interaction"])
    }
    operations = {
        ("GET", f"/fhir/R4/{name}/${operation['name']}")
        for name, resource in stated().items()
        for operation in resource.get("operation", ())
    }
    assert places | operations == served() - _BY_FORM


def test_search_parameters_and_profiles_are_those_of_the_service() -> None:
    consent = stated()["Consent"]
    assert {p["name"]: p["type"] for p in consent["searchParam"]} == SEARCH
    assert tuple(consent["supportedProfile"]) == PROFILES
    audit_event = stated()["AuditEvent"]
    assert {p["name"]: p["type"] for p in audit_event["searchParam"]} == AUDIT_SEARCH
    assert tuple(audit_event["supportedProfile"]) == AUDIT_PROFILES
    assert {p["name"]: p["type"] for p in stated()["Questionnaire"]["searchParam"]} == QUESTIONNAIRE_SEARCH
    assert [p["name"] for p in stated()["Provenance"]["searchParam"]] == ["target"]


@pytest.mark.parametrize("name", ["AuditEvent", "Consent", "Provenance", "Questionnaire"])
def test_versions_are_stated_as_they_are_served(name: str) -> None:
    resource = stated()[name]
    codes = {i["code"] for i in resource["interaction"]}
    assert resource["readHistory"] == ("vread" in codes)
    assert (resource["versioning"] == "versioned-update") == ("update" in codes)

"""SMART scopes: v1 and v2, and what grants nothing."""

from pathlib import Path

import pytest

from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType, ServiceName
from shared.contracts.smart_scopes import RECORDS, ROUTES
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.identity.scopes import granted, limited, needed, request_granted, route_granted


@pytest.mark.parametrize(
    ("scopes", "letter", "own", "allowed"),
    [
        ("", "c", False, True),
        ("openid fhirUser launch", "c", False, True),
        ("system/Consent.rs", "r", False, True),
        ("system/Consent.rs", "s", False, True),
        ("system/Consent.rs", "u", False, False),
        ("system/Consent.cruds", "d", False, True),
        ("system/Consent.read", "s", False, True),
        ("system/Consent.write", "r", False, False),
        ("system/Consent.write", "u", False, True),
        ("user/*.*", "c", False, True),
        ("system/*.r", "r", False, True),
        ("system/Observation.cruds", "r", False, False),
        ("system/Consent.sr", "r", False, False),
        ("system/Consent.rs?status=active", "r", False, False),
        ("patient/Consent.r", "r", False, False),
        ("patient/Consent.r", "r", True, True),
    ],
)
def test_scopes(scopes: str, letter: str, own: bool, allowed: bool) -> None:
    assert granted(scopes.split(), "Consent", letter, own_record=own) is allowed


@pytest.mark.parametrize(
    ("scopes", "is_limited"),
    [
        ("", False),
        ("openid profile offline_access launch", False),
        ("openid patient/Consent.r", True),
        ("USER/x", True),
        ("system/", True),
        ("patients/x", False),
    ],
)
def test_which_scopes_limit(scopes: str, is_limited: bool) -> None:
    assert limited(scopes.split()) is is_limited


def person(scopes: str, client_id: str | None = None) -> Principal:
    return Principal("u-1", "north", Role.CLIENT, client_id=client_id, scopes=frozenset(scopes.split()))


@pytest.mark.parametrize(
    ("scopes", "method", "template", "client", "opens"),
    [
        ("", "POST", "/v1/erasures", None, True),
        ("openid", "GET", "/nowhere", None, True),
        ("user/Consent.r", "GET", "/v1/consents/{consent_id}", None, True),
        ("user/Consent.r", "PUT", "/v1/consents/{consent_id}", None, False),
        ("user/Consent.s", "GET", "/v1/consents/{consent_id}", None, False),
        ("patient/Consent.r", "GET", "/v1/consents/{consent_id}", "c-1", True),
        ("patient/Consent.r", "GET", "/v1/consents/{consent_id}", None, False),
        ("user/Encounter.r", "GET", "/v1/sessions/{session_id}", None, False),
        ("user/Encounter.r user/Observation.r", "GET", "/v1/sessions/{session_id}", None, True),
        ("user/Consent.cr", "POST", "/v1/consents/{consent_id}/reconsents", None, False),
        ("user/Consent.cru", "POST", "/v1/consents/{consent_id}/reconsents", None, True),
        ("user/*.cruds", "POST", "/v1/erasures", None, False),
        ("user/*.cruds", "GET", "/nowhere", None, False),
        ("user/*.cruds", "DELETE", "/v1/consents/{consent_id}", None, False),
        ("user/*.rs", "POST", "/v1/clients/{client_id}/export", None, True),
        ("user/Patient.rs", "POST", "/v1/clients/{client_id}/export", None, False),
        ("user/Basic.r", "GET", "/log/{tenant}/vkey", None, True),
        ("user/AuditEvent.rs", "GET", "/log/{tenant}/tile/{level}/{path:path}", None, True),
    ],
)
def test_routes(scopes: str, method: str, template: str, client: str | None, opens: bool) -> None:
    assert route_granted(person(scopes, client), method, template) is opens


def test_what_a_route_takes_is_told() -> None:
    assert needed("GET", "/v1/sessions/{session_id}") == ("Encounter.r", "Observation.r")
    assert needed("POST", "/v1/erasures") == needed("GET", "/nowhere") == ()


def asked(action: Action, *kinds: str) -> DisclosureRequest:
    refs = tuple(RecordRef(record_id=k, client_id="c", record_type=RecordType(k)) for k in kinds)
    return DisclosureRequest(tenant="north", action=action, caller=Caller(token="t"), request_id="r", records=refs)


@pytest.mark.parametrize(
    ("scopes", "request_", "allowed"),
    [
        ("openid", asked(Action.EXPORT), True),
        ("user/Consent.r", asked(Action.READ, "consent"), True),
        ("user/Consent.r", asked(Action.READ, "consent", "relationship"), False),
        ("user/Consent.r user/CareTeam.r", asked(Action.READ, "consent", "relationship"), True),
        ("user/Consent.r", asked(Action.SEARCH, "consent"), False),
        ("user/Consent.r", asked(Action.REVOKE, "consent"), False),
        ("user/Consent.u", asked(Action.REVOKE, "consent"), True),
        ("user/Consent.c", asked(Action.SIGN, "consent"), True),
        ("user/Consent.u", asked(Action.SIGN, "consent"), True),
        ("user/Consent.rds", asked(Action.SIGN, "consent"), False),
        ("user/*.r", asked(Action.EXPORT), False),
        ("user/*.s", asked(Action.EXPORT, "consent"), False),
        ("user/*.rs", asked(Action.EXPORT, "consent"), True),
        ("user/Consent.rs", asked(Action.EXPORT, "consent"), False),
        ("user/Patient.s", asked(Action.LOOKUP), True),
        ("user/Consent.s", asked(Action.LOOKUP), False),
        ("user/CareTeam.s", asked(Action.SEARCH), True),
        ("user/Patient.s", asked(Action.SEARCH), False),
        ("user/CareTeam.r", asked(Action.SEARCH), False),
        ("patient/Consent.r", asked(Action.READ, "consent"), False),
    ],
)
def test_requests_to_the_gate(scopes: str, request_: DisclosureRequest, allowed: bool) -> None:
    held = scopes.split()
    assert request_granted(held, own_record=False, service=ServiceName.CONSENT, request=request_) is allowed


def test_own_record_counts_at_the_gate() -> None:
    for action, scope in ((Action.READ, "patient/Consent.r"), (Action.EXPORT, "patient/*.rs")):
        assert request_granted([scope], own_record=True, service=ServiceName.CONSENT, request=asked(action, "consent"))
    assert request_granted(["patient/Consent.s"], own_record=True, service=ServiceName.CONSENT, request=asked(Action.SEARCH))
    assert not request_granted(["patient/*.s"], own_record=False, service=ServiceName.CONSENT, request=asked(Action.SEARCH))


def test_the_integrators_page_has_every_resource_type() -> None:
    page = (Path(__file__).parents[3] / "docs/ehr-integration.md").read_text()
    section = page.partition("## Scopes")[2].partition("\n## ")[0]
    types = {need.partition(".")[0] for needs in ROUTES.values() for need in needs or ()} | set(RECORDS.values())
    assert not [kind for kind in types if f"`{kind}`" not in section]

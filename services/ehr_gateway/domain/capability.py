"""FHIR R4 CapabilityStatement and SMART discovery: what is there, truthfully (HL7 FHIR 4.0.1; SMART App Launch 2)."""

from datetime import date
from typing import Any

from services.ehr_gateway.domain.resources import RESOURCES

FHIR_VERSION = "4.0.1"


def capability_statement(*, base_url: str, on: date, version: str) -> dict[str, Any]:
    """The server's CapabilityStatement: the resource types of `RESOURCES`, with the interactions that are served."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": on.isoformat(),
        "kind": "instance",
        "software": {"name": "Alliance Record", "version": version},
        "implementation": {"description": "Clinical record for psychotherapy", "url": f"{base_url}/fhir/R4"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "What is not served over FHIR is served under /v1, described by the OpenAPI documents "
                "linked from /docs.",
                "security": {
                    "description": "Bearer tokens (OAuth 2.0) with tenant, role and purpose of use; "
                    "every access is decided by consent and written to the ledger before it is answered. SMART App Launch 2 "
                    "scopes limit a token further where it carries any."
                },
                "resource": [served.statement() for served in RESOURCES],
            }
        ],
    }


def smart_configuration(*, issuer: str, jwks_url: str | None, token_endpoint: str | None) -> dict[str, Any]:
    """`/.well-known/smart-configuration`: only endpoints that exist are named; no capability is claimed yet."""
    found: dict[str, Any] = {"issuer": issuer, "capabilities": [], "code_challenge_methods_supported": ["S256"]}
    if jwks_url:
        found["jwks_uri"] = jwks_url
    if token_endpoint:
        found["token_endpoint"] = token_endpoint
        found["grant_types_supported"] = ["client_credentials", "authorization_code"]
    return found

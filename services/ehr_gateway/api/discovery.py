"""`/fhir/R4/metadata` and SMART discovery."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from services.ehr_gateway.domain.capability import capability_statement, smart_configuration
from shared.http.fhir import FHIR_JSON, FhirResponse


def router(
    *,
    public_url: str,
    version: str,
    issuer: str,
    jwks_url: str | None,
    token_endpoint: str | None,
    now: Callable[[], datetime],
) -> APIRouter:
    routes = APIRouter(tags=["discovery"])

    @routes.get("/fhir/R4/metadata", summary="FHIR CapabilityStatement", response_class=FhirResponse)
    async def metadata() -> Response:
        body = capability_statement(base_url=public_url, on=now().date(), version=version)
        return JSONResponse(body, media_type=FHIR_JSON)

    @routes.get("/.well-known/smart-configuration", summary="SMART discovery")
    @routes.get("/fhir/R4/.well-known/smart-configuration", include_in_schema=False)
    async def smart() -> Response:
        return JSONResponse(smart_configuration(issuer=issuer, jwks_url=jwks_url, token_endpoint=token_endpoint))

    return routes

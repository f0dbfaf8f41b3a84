"""`/v1/clients/{id}/export/consents`: this service's part of an export, between services."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.callers import Callers
from shared.export.serving import Exporter, PublicKeyBody
from shared.http.body import documented, read_json
from shared.http.call import path_id


def router(*, exporter: Exporter, callers: Callers) -> APIRouter:
    routes = APIRouter(tags=["consents"])

    @routes.post("/v1/clients/{client_id}/export/consents", openapi_extra=documented(PublicKeyBody))
    async def export(request: Request, client_id: str) -> Response:
        """Consents, relationships, representatives, capacity, restrictions and amendments, sealed for the key. Part of
        `POST /v1/clients/{id}/export`, which a caller uses."""
        call = await callers.of(request)
        body, _ = await read_json(request, PublicKeyBody)
        return await exporter.answer(call, path_id(client_id), body)

    return routes

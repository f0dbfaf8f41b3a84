"""`/v1/clients/{id}/export/measures`: this service's part of an export, between services."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface
from shared.export.serving import Exporter, PublicKeyBody
from shared.http.body import documented, read_json
from shared.http.call import path_id


def export_routes(surface: Surface, exporter: Exporter) -> APIRouter:
    router = APIRouter(tags=["clients"])

    @router.post("/v1/clients/{client_id}/export/measures", openapi_extra=documented(PublicKeyBody))
    async def export(request: Request, client_id: str) -> Response:
        """Administrations, outcomes, the course of the alliance, prompts, risk alerts and the client's choice, sealed for the
        key: part of `POST /v1/clients/{id}/export`, which a caller uses."""
        call = surface.call(request)
        body, _ = await read_json(request, PublicKeyBody)
        return await exporter.answer(call, path_id(client_id), body)

    return router

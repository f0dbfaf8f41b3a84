"""`/health/deployment`: what nginx and the embedded front answer at `/health/ready`."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from services.ehr_gateway.application.health import deployment_health
from services.ehr_gateway.application.ports import Services


def health_router(services: Services, own: Callable[[], Awaitable[dict[str, Any]]]) -> APIRouter:
    """`own`: what this service says of itself."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/deployment")
    async def deployment() -> Response:
        body = await deployment_health(services, await own())
        return JSONResponse(body, status_code=200 if body["status"] == "ready" else 503)

    return router

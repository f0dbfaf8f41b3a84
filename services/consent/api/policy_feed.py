"""`GET /v1/policy-feed`: for the gate alone, where the topic is silent."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.application.policy_feed import PolicyFeedReader
from shared.contracts.records import ServiceName
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number
from shared.http.problems import Fault, Problem, invalid
from shared.http.query import parameter

VerifyService = Callable[[Request], Awaitable[ServiceName]]
"""The calling service. Raises Problem: 401 where it is none, 403 where it is not the gate."""

_PARAMETERS: Final[list[dict[str, Any]]] = [
    {"name": "tenant", "in": "query", "required": True, "schema": {"type": "string", "maxLength": 63}},
    {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}},
]


async def nobody(_: Request) -> ServiceName:
    """Where all services share a process, the gate reads the feed without HTTP: nobody may ask here."""
    raise Problem(401, "unknown-service", "Not a known service", "The policy feed answers services that show who they are.")


def router(*, feed: PolicyFeedReader, verify_service: VerifyService) -> APIRouter:
    routes = APIRouter(tags=["policy feed"])

    @routes.get("/v1/policy-feed", openapi_extra={"parameters": _PARAMETERS})
    async def policy_feed(request: Request) -> Response:
        """Policy changes of a tenant after a sequence, at most 500, and the newest sequence there is."""
        await verify_service(request)
        tenant = request.query_params.get("tenant", "")
        if not 0 < len(tenant) <= 63:
            raise invalid([Fault("?tenant", "the tenant's name")])
        after = parameter(request, "after", lambda text: whole_number(text, 0, LARGEST_INTEGER), 0)
        page = await feed.read(tenant, after)
        return Response(page.model_dump_json(), media_type="application/json")

    return routes

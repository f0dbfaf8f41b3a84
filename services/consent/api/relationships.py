"""`/v1/relationships`: who treats, supervises or helps a client, from when to when."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import Pages, json_response
from services.consent.api.bodies import EndBody, RelationshipBody
from services.consent.api.callers import Callers
from services.consent.application.reading import Reading
from services.consent.application.relationships import Relationships
from shared.http.body import documented, read_json, read_optional
from shared.http.call import path_id
from shared.http.cursor import Cursors, limit_of
from shared.http.idempotency import Idempotency
from shared.http.query import CLIENT_LIST, client_of


def router(
    *, relationships: Relationships, reading: Reading, idempotency: Idempotency, cursors: Cursors, callers: Callers
) -> APIRouter:
    routes = APIRouter(tags=["relationships"])
    pages = Pages(cursors, "relationships")

    @routes.post("/v1/relationships", status_code=201, openapi_extra=documented(RelationshipBody))
    async def start(request: Request) -> Response:
        """Start a relationship: at intake, by a supervisor or an administrator, never for oneself. Then the gate knows it."""
        call = await callers.of(request)
        body, raw = await read_json(request, RelationshipBody)
        answer, repeated = await idempotency.run(
            call,
            "POST /v1/relationships",
            raw,
            lambda repeat: relationships.start(
                call,
                repeat,
                client_id=body.client_id,
                practitioner_id=body.practitioner_id,
                role=body.role,
                period=body.period,
            ),
        )
        if repeated:
            answer = await relationships.repeated(call, answer)
        return json_response(answer.body, answer.status)

    @routes.post("/v1/relationships/{relationship_id}/end", openapi_extra=documented(EndBody))
    async def end(request: Request, relationship_id: str) -> Response:
        """End a relationship now; answered once the gate decides without it."""
        call = await callers.of(request)
        wanted = path_id(relationship_id)
        _, raw = await read_optional(request, EndBody)
        answer, repeated = await idempotency.run(
            call,
            f"POST /v1/relationships/{wanted}/end",
            raw,
            lambda repeat: relationships.end(call, wanted, repeat),
        )
        if repeated:
            answer = await relationships.repeated(call, answer)
        return json_response(answer.body, answer.status)

    @routes.get("/v1/relationships", openapi_extra={"parameters": CLIENT_LIST})
    async def relationships_of(request: Request) -> Response:
        """A client's relationships, newest first: the client sees who was added to their care."""
        call = await callers.of(request)
        client_id, limit = client_of(request), limit_of(request)
        page = await reading.relationships(call, client_id, pages.before(request, call, client_id), limit)
        return pages.response(page, call, client_id)

    return routes

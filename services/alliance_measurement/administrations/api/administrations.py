"""`/v1/administrations`"""

import hmac
from collections.abc import Callable
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.administrations.api.answered import answered
from services.alliance_measurement.administrations.api.models import AdministrationBody, ResponsesBody
from services.alliance_measurement.administrations.application.administrations import (
    ask_for_administration,
    link_of,
    list_administrations,
    read_administration,
)
from services.alliance_measurement.administrations.application.links import link_call, link_secret, tenant_of
from services.alliance_measurement.administrations.application.ports import AdministrationDesk
from services.alliance_measurement.desk.api.surface import Surface, bound_to, respond
from shared.gate.posting import posted
from shared.http.body import documented, read_json
from shared.http.call import Call, idempotency_key, path_id, request_id_of
from shared.http.cursor import limit_of
from shared.http.problems import unauthenticated
from shared.http.query import CLIENT_LIST, client_of


def administration_routes(surface: Surface, desk: AdministrationDesk, on_assessment_due: Callable[[str], None]) -> APIRouter:
    """`on_assessment_due` is called with the tenant once an answer is durable that calls for a prompt."""
    router = APIRouter(tags=["administrations"])

    @router.post("/v1/administrations", status_code=201, openapi_extra=documented(AdministrationBody))
    async def ask(request: Request) -> Response:
        """Ask a client, their therapist or an observer to rate. Every request makes a new administration.

        `link` is for the rater who has no login: see the description of its `responses`."""
        call = surface.call(request)
        body, raw = await read_json(request, AdministrationBody)
        work = partial(ask_for_administration, desk, call, body.client_id, body.instrument, body.rater, body.session_id)
        answer, headers, _ = await posted(surface.idempotency, call, request, raw, work)
        link = link_of(desk, call.tenant, answer.body["id"])
        return respond({**answer.body, "link": link}, status=answer.status, headers=headers)

    @router.post(
        "/v1/administrations/{administration_id}/responses",
        status_code=201,
        openapi_extra=documented(ResponsesBody),
    )
    async def answer(request: Request, administration_id: str) -> Response:
        """Answer, by the rater's own token or by the link; the scores come back.

        The link that `POST /v1/administrations` answered is `<public url>/answer/<administration id>#<secret>`. Whoever holds it
        sends what stands behind the `#` as `Authorization: Link <secret>` here, and no token; it answers this one
        administration, once, and opens nothing else. No browser sends what stands behind a `#`, so no log holds it."""
        wanted = path_id(administration_id)
        call = _rater(surface, desk, request, wanted)
        body, raw = await read_json(request, ResponsesBody)
        result, headers, status = await answered(surface, desk, call, request, raw, wanted, body.answers, on_assessment_due)
        return respond(result, status=status, headers=headers)

    @router.get("/v1/administrations/{administration_id}")
    async def read(request: Request, administration_id: str) -> Response:
        call = surface.call(request)
        view, opened = await read_administration(desk, call, path_id(administration_id))
        return respond(view, headers=opened.headers)

    @router.get("/v1/administrations", openapi_extra={"parameters": CLIENT_LIST})
    async def search(request: Request) -> Response:
        """A client's administrations, newest first, as far as the caller may read them."""
        call = surface.call(request)
        client_id, limit = client_of(request), limit_of(request)
        bound = bound_to(call, "administrations", str(client_id))
        page = await list_administrations(desk, call, client_id, start=surface.start(request, bound), limit=limit)
        return surface.page(page.items, page.next, bound, page.entries)

    return router


def _rater(surface: Surface, desk: AdministrationDesk, request: Request, administration_id: UUID) -> Call:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "link":
        return surface.call(request)
    tenant = tenant_of(secret.strip())
    if tenant is None:
        raise unauthenticated("This is not an answering link: ask for a new one.")
    key = idempotency_key(request)
    link = secret.strip()
    if not hmac.compare_digest(link.encode(), link_secret(desk.parts.secret, tenant, administration_id).encode()):
        key = None  # the gate refuses it; until then nobody learns what was sent under a key before
    return link_call(link, tenant, administration_id, request_id=request_id_of(request), idempotency_key=key)

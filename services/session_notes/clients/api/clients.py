"""`/v1/clients`"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.session_notes.clients.api.likeness import LikenessBody, signed_likeness
from services.session_notes.clients.api.models import ClientBody, ClientSearchBody
from services.session_notes.clients.api.views import client_view
from services.session_notes.clients.application.client_index import ClientIndex
from services.session_notes.clients.application.clients import read_client, register_client
from services.session_notes.clients.application.indexing import Reindexing
from services.session_notes.clients.application.lookup import look_up
from services.session_notes.desk.api.surface import Surface, respond
from services.session_notes.sessions.application.sessions import next_session
from shared.gate.ask import Opened
from shared.http.body import documented, read_json
from shared.http.call import etag, path_id
from shared.http.idempotency import Answer, Repeat
from shared.http.page_session import of_script
from shared.http.problems import forbidden
from shared.identity.roles import Role


def client_routes(surface: Surface, index: ClientIndex, reindexing: Reindexing) -> APIRouter:
    router = APIRouter(tags=["clients"])
    desk = surface.desk

    @router.post("/v1/clients", status_code=201, openapi_extra=documented(ClientBody))
    async def take_in(request: Request) -> Response:
        """A client at intake: who they are is sealed under a random id."""
        call = surface.call(request)
        body, raw = await read_json(request, ClientBody)

        async def work(repeat: Repeat) -> tuple[Answer, Opened]:
            answer, opened = await register_client(desk, call, body.identity(), repeat, index=index)
            await reindexing.follow(call.tenant, opened.index_keys[0].kid)
            return answer, opened

        return await surface.post(call, request, raw, work)

    @router.post("/v1/clients/search", openapi_extra=documented(ClientSearchBody))
    async def search(request: Request) -> Response:
        """Look for a client by identifier, or by name and date of birth: exactly, in upper or lower case. Only whom you may read
        is found, and nobody else is told of. Every look is an entry of the ledger."""
        call = surface.call(request)
        body, _ = await read_json(request, ClientSearchBody)
        looked = await look_up(desk, index, call, body.wanted())
        await reindexing.follow(call.tenant, looked.kid)
        items = [client_view(found, found.opened) for found in looked.found]
        return respond({"items": items, "next": None}, headers={"Audit-Entry": ", ".join(map(str, looked.entries))})

    @router.get("/v1/clients/{client_id}")
    async def read(request: Request, client_id: str) -> Response:
        """Who the client is."""
        call = surface.call(request)
        found = await read_client(desk, call, path_id(client_id))
        return respond(client_view(found, found.opened), headers={**found.opened.headers, "ETag": etag(found.version)})

    @router.get("/v1/clients/{client_id}/name")
    async def name(request: Request, client_id: str) -> Response:
        """The name alone, for the officers' pages: their browser asks here, because the audit log never learns it."""
        call = of_script(request, desk.parts.tokens)
        found = await read_client(desk, call, path_id(client_id))
        known = found.identity
        body = {"id": str(found.client_id), "name": "" if known is None else known.name, "erased": known is None}
        return respond(body, headers=found.opened.headers)

    @router.post("/v1/clients/{client_id}/likeness", openapi_extra=documented(LikenessBody))
    async def likeness(request: Request, client_id: str) -> Response:
        """For the snooping review: whether a member of staff shares name, surname or address with the client. Flags alone, signed
        for the gate; nothing is kept here."""
        call = of_script(request, desk.parts.tokens)
        body, _ = await read_json(request, LikenessBody)
        if call.principal.role is not Role.COMPLIANCE_OFFICER:
            raise forbidden("This is open to compliance officers.")
        if body.sub == call.principal.sub:
            raise forbidden("Somebody else has to ask about you.")
        found = await read_client(desk, call, path_id(client_id))
        statement, signature = signed_likeness(desk, call.tenant, found, body)
        return respond({"statement": statement, "signature": signature}, headers=found.opened.headers)

    @router.get("/v1/clients/{client_id}/next-session")
    async def waiting(request: Request, client_id: str) -> Response:
        """What waits for the client's next session: `{prompts: [{kind, text}]}`, only what the client's choice lets you see."""
        call = surface.call(request)
        prompts, opened = await next_session(desk, call, path_id(client_id))
        return respond({"prompts": prompts}, headers=opened.headers)

    return router

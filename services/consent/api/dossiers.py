"""What every kind of record around a client is served with: lists, one, its history, and commands that are safe to repeat."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import Pages, json_response
from services.consent.api.callers import Callers
from services.consent.application.dossier import Dossier
from shared.http.call import Call, etag, path_id
from shared.http.cursor import Cursors, limit_of
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.query import CLIENT_LIST, client_of


class Served:
    """One dossier behind `/v1/<name>`."""

    def __init__(self, name: str, dossier: Dossier[Any], *, idempotency: Idempotency, cursors: Cursors, callers: Callers) -> None:
        self.name, self._dossier = name, dossier
        self._idempotency, self._pages, self.callers = idempotency, Pages(cursors, name), callers

    async def run(
        self, call: Call, raw: bytes, work: Callable[[Repeat], Awaitable[Answer]], wanted: UUID | None = None, what: str = ""
    ) -> Response:
        """`work` once; repeated under the same key its first answer, confirmed again."""
        route = f"POST /v1/{self.name}" + (f"/{wanted}/{what}" if wanted else "")
        answer, repeated = await self._idempotency.run(call, route, raw, work)
        if repeated:
            answer = await self._dossier.repeated(call, answer)
        headers = {"ETag": etag(int(answer.body["version"]))}
        if wanted is None:
            headers["Location"] = f"/v1/{self.name}/{answer.body['id']}"
        return json_response(answer.body, answer.status, headers)

    def reads(self, routes: APIRouter, listed: str, one: str) -> None:
        """Adds the list, one record and its history. `listed` and `one` describe them."""

        @routes.get(f"/v1/{self.name}", description=listed, openapi_extra={"parameters": CLIENT_LIST})
        async def records(request: Request) -> Response:
            call = await self.callers.of(request)
            client_id, limit = client_of(request), limit_of(request)
            page = await self._dossier.page(call, client_id, self._pages.before(request, call, client_id), limit)
            return self._pages.response(page, call, client_id)

        @routes.get(f"/v1/{self.name}/{{record_id}}", description=one)
        async def record(request: Request, record_id: str) -> Response:
            call = await self.callers.of(request)
            shown = await self._dossier.show(call, path_id(record_id))
            return json_response(shown.body, headers={**shown.headers, "ETag": etag(shown.body["version"])})

        @routes.get(f"/v1/{self.name}/{{record_id}}/history")
        async def history(request: Request, record_id: str) -> Response:
            """Every event: what, when, by whom, under which entry of the ledger, and what it means."""
            call = await self.callers.of(request)
            shown = await self._dossier.history(call, path_id(record_id))
            return json_response(shown.body, headers=shown.headers)

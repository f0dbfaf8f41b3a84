"""`POST /v1/clients/{id}/export`: a client's whole record as one archive that only the client's key opens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.ehr_gateway.application.exporting import Export, Refused, begin
from services.ehr_gateway.application.ports import Services
from shared import base64url
from shared.export.passphrase import ALGORITHM
from shared.export.serving import RECORDS_HEADER, PublicKeyBody
from shared.http.body import documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.problems import Fault, invalid
from shared.identity.tokens import TokenVerifier

_COMPACT: Final = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$"


class ExportBody(PublicKeyBody):
    """Whom the archive is sealed for: a key of one's own, or the answer of `POST /v1/export-keys` as it came."""

    sealed_key: Annotated[str, StringConstraints(max_length=4_096, pattern=_COMPACT)] | None = None
    """the private half under a passphrase; it goes into the archive as `key.jwe`"""


def export_router(services: Services, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(tags=["export of a record"])

    @router.post(
        "/v1/clients/{client_id}/export",
        summary="A client's whole record as one sealed archive",
        openapi_extra=documented(ExportBody),
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def export(request: Request, client_id: str) -> Response:
        """For the client, or who acts for them by a registered authority (GDPR 15 and 20, 45 CFR 164.524). The ZIP holds pages of
        JSON and HTML by key class, each a JWE for `public_key`; `python -m infra.export open` opens it. What the law leaves out
        is named in it with its ground; what was erased is shown as erased. `Audit-Entry` names the entries of every release,
        `Export-Records` says how many records are to come. An archive that broke off has no directory and opens nowhere."""
        call, client = authenticate(request, tokens), path_id(client_id)
        body, _ = await read_json(request, ExportBody)
        body.recipient()
        if body.sealed_key is not None and _algorithm(body.sealed_key) != ALGORITHM:
            raise invalid([Fault("/sealed_key", "as POST /v1/export-keys answers it")])
        headers = {"Authorization": f"Bearer {call.token}", "X-Request-Id": call.request_id}
        if call.purpose is not None:
            headers["X-Purpose-Of-Use"] = call.purpose
        at = now()
        try:
            made = await begin(services, str(client), headers, body.public_key, body.sealed_key, now=at)
        except Refused as refused:
            return Response(refused.body, refused.status, headers=dict(refused.headers))
        return _Archive(
            made,
            {
                "Audit-Entry": made.entries,
                RECORDS_HEADER: str(made.records),
                "Content-Disposition": f'attachment; filename="record-{at:%Y-%m-%d}.zip"',
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            },
        )

    return router


class _Archive(StreamingResponse):
    """Closes the parts also where the caller left before the first byte."""

    def __init__(self, made: Export, headers: Mapping[str, str]) -> None:
        super().__init__(made.stream(), media_type="application/zip", headers=headers)
        self._made = made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._made.close()


def _algorithm(sealed: str) -> Any:
    try:
        header = orjson.loads(base64url.decode(sealed.partition(".")[0]))
    except ValueError:
        return None
    return header.get("alg") if isinstance(header, dict) else None

"""`/log/{tenant}/…`: the tree as C2SP tlog-tiles, for monitors and offline verifiers. Bearer token of an officer of the tenant.

Hashes, salted commitments and signatures only: they say nothing about anybody, so reading them makes no entry (a monitor that
made one a fetch would never see the log at rest).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ledger_view import LedgerView, best_cosigned
from services.audit_log.ledger.domain.payload import instant
from services.audit_log.ledger.domain.tiles import NoSuchTile, parse_level, parse_path
from shared.http.problems import not_found
from shared.identity.tokens import TokenVerifier

TEXT: Final = "text/plain; charset=utf-8"
TILE: Final = "application/octet-stream"
FIRST_SECONDS: Final = 1.0
"""how long a log's first checkpoint is waited for: it follows its first entry at once, and is no 404 to who saw that entry"""
_POLL_SECONDS: Final = 0.05
_IMMUTABLE: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_CHANGING: Final = {"Cache-Control": "no-cache"}


def tlog_router(ledger: LedgerView, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(prefix="/log/{tenant}", tags=["transparency log"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)

    @router.get("/vkey", summary="Verifier key (C2SP signed-note)", response_class=Response)
    async def vkey(request: Request, tenant: str) -> Response:
        await desk.officer_of(request, tenant)
        return Response(ledger.vkey(tenant) + "\n", media_type=TEXT, headers=_CHANGING)

    @router.get("/vkeys", summary="Every key that signed this log, the oldest first")
    async def vkeys(request: Request, tenant: str) -> Response:
        """An old proof stays verifiable by the key that signed it. Trust a key because you were given it, not because it stands
        here."""
        await desk.officer_of(request, tenant)
        keys = [
            {"vkey": k.vkey, "since_size": k.since_size, "since": instant(k.since), "current": k.current}
            for k in await ledger.vkeys(tenant)
        ]
        return Response(orjson.dumps({"items": keys}), media_type="application/json", headers=_CHANGING)

    @router.get("/checkpoint/cosigned", summary="Newest checkpoint that a witness cosigned", response_class=Response)
    async def cosigned(request: Request, tenant: str) -> Response:
        await desk.officer_of(request, tenant)
        note = best_cosigned(await ledger.cosigned(tenant), -1)
        if note is None:
            raise not_found("No witness has cosigned this log yet.")
        return Response(note, media_type=TEXT, headers=_CHANGING)

    @router.get("/checkpoint", summary="Newest signed checkpoint (C2SP tlog-checkpoint)", response_class=Response)
    async def checkpoint(request: Request, tenant: str) -> Response:
        await desk.officer_of(request, tenant)
        tries = FIRST_SECONDS / _POLL_SECONDS
        while (note := await ledger.checkpoint(tenant)) is None:
            tries -= 1
            if tries < 0:
                raise not_found("This log has no signed checkpoint yet.")
            await asyncio.sleep(_POLL_SECONDS)
        return Response(note, media_type=TEXT, headers=_CHANGING)

    @router.get("/tile/entries/{path:path}", summary="Entry bundle (C2SP tlog-tiles)", response_class=Response)
    async def entries(request: Request, tenant: str, path: str) -> Response:
        await desk.officer_of(request, tenant)
        try:
            wanted = parse_path(path)
            content = await ledger.entry_bundle(tenant, wanted.index, wanted.width)
        except NoSuchTile:
            raise _no_tile() from None
        return Response(content, media_type=TILE, headers=_IMMUTABLE)

    @router.get("/tile/{level}/{path:path}", summary="Tile of tree hashes (C2SP tlog-tiles)", response_class=Response)
    async def tile(request: Request, tenant: str, level: str, path: str) -> Response:
        await desk.officer_of(request, tenant)
        try:
            wanted = parse_path(path)
            content = await ledger.tile(tenant, parse_level(level), wanted.index, wanted.width)
        except NoSuchTile:
            raise _no_tile() from None
        return Response(content, media_type=TILE, headers=_IMMUTABLE)

    return router


def _no_tile() -> Exception:
    return not_found("The published tree has no such tile.")

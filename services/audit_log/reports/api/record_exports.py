"""What audit_log adds to an export of a record (ADR 0054): a key pair under a passphrase, and who used the record.

The passphrase comes here because nothing that is sealed for the pair ever does: who holds the key holds no ciphertext.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Final

import orjson
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.api.ledger import clients_own
from services.audit_log.ledger.api.words import client_line
from services.audit_log.ledger.application.ledger_view import Filters, LedgerView, StoredEntry
from shared.contracts.disclosure import Exclusion, Reach
from shared.contracts.records import RecordType, ServiceName
from shared.export.pages import PART_TYPE, PartWriter
from shared.export.passphrase import LONGEST, guarded_key_pair, weakness
from shared.export.serving import RECORDS_HEADER, PublicKeyBody, about_part
from shared.http.body import Body, documented, read_json
from shared.http.call import authenticate, path_id
from shared.http.problems import Fault, forbidden, invalid, not_found, unavailable
from shared.identity.roles import Role
from shared.identity.tokens import TokenVerifier

EXPORTING: Final = frozenset({Role.CLIENT, Role.REPRESENTATIVE})
PAIRS_WAITING: Final = 8
"""callers who wait for a key pair at the same time, each for a third of a second of computing; the next is told to come back"""
PAGE: Final = 200
ACCESS: Final = "access"
"""stands in the place of a key class: the ledger has none"""
_ACTION: Final = "export-access-report"
_OWN_ALONE: Final = "rule:role.representative"


class PassphraseBody(Body):
    """What is to guard the key pair of one export."""

    passphrase: Annotated[str, Field(max_length=LONGEST)]
    """16 characters or more. It is kept nowhere: whoever forgets it exports again"""


def record_exports_router(ledger: LedgerView, tokens: TokenVerifier, now: Callable[[], datetime]) -> APIRouter:
    router = APIRouter(tags=["export of a record"], route_class=LedgerRoute)
    desk = Desk(ledger, tokens, now)
    pairs = _Pairs()

    @router.post("/v1/export-keys", status_code=201, openapi_extra=documented(PassphraseBody))
    async def make_pair(request: Request) -> Response:
        """A key pair for one export: `{public_key, sealed_key}`, as `POST /v1/clients/{id}/export` takes it. `sealed_key` is the
        private half under the passphrase (JWE, PBES2-HS512+A256KW, 300,000 iterations). Neither is kept here. Whoever has a key
        pair of their own sends its public half there and needs none of this."""
        call = authenticate(request, tokens)
        body, _ = await read_json(request, PassphraseBody)
        if call.principal.role not in EXPORTING:
            raise forbidden("A record is exported by the client, or by who acts for them.")
        if weak := weakness(body.passphrase):
            raise invalid([Fault("/passphrase", weak)])
        return Response(await pairs.make(body.passphrase), status_code=201, media_type="application/json")

    @router.post("/v1/clients/{client_id}/export/access", openapi_extra=documented(PublicKeyBody))
    async def export(request: Request, client_id: str) -> Response:
        """Who used the record, as the client's own report shows it, sealed for the key. Part of `POST /v1/clients/{id}/export`,
        which a caller uses."""
        client = str(path_id(client_id))
        call = authenticate(request, tokens)
        body, _ = await read_json(request, PublicKeyBody)
        recipient = body.recipient()
        if call.principal.client_id != client:
            raise not_found()
        filters = None
        if call.principal.role is Role.CLIENT:
            call = await desk.officer_or_client(request, _ACTION, client)
            filters = await clients_own(ledger, call.tenant, client, now())
        rows, start = 0, 0
        async for stored in _rows(ledger, call.tenant, filters, None):
            rows, start = rows + 1, max(start, stored.index + 1)
        headers = await desk.record(call, _ACTION, {"sealed_for": recipient.thumbprint}, rows, client_id=client)
        entry = int(headers["Audit-Entry"])
        about = about_part(call, client, now(), [entry], _left_out() if filters is None else ())

        async def lines() -> AsyncIterator[bytes]:
            writer = PartWriter(ServiceName.AUDIT_LOG, recipient)
            async for stored in _rows(ledger, call.tenant, filters, start):
                async for line in writer.add(ACCESS, "use of the record", client_line(stored)):
                    yield line
            async for line in writer.end(about):
                yield line

        return StreamingResponse(
            lines(), media_type=PART_TYPE, headers={**headers, RECORDS_HEADER: str(rows), "Cache-Control": "no-store"}
        )

    return router


async def _rows(ledger: LedgerView, tenant: str, filters: Filters | None, before: int | None) -> AsyncIterator[StoredEntry]:
    """Newest first, below an index, a page at a time; nothing without filters."""
    while filters is not None and (found := await ledger.search(tenant, filters, before=before, limit=PAGE)):
        for stored in found:
            yield stored
        before = found[-1].index


def _left_out() -> tuple[Exclusion, ...]:
    rule = RULES[_OWN_ALONE]
    text = "who used the record is shown to the client in person"
    return (Exclusion(record_type=RecordType.CLIENT, reach=Reach.SOME, rule=rule.id, citation=rule.citation, text=text),)


class _Pairs:
    """One pair at a time: the gate's decisions run in this process."""

    def __init__(self) -> None:
        self._one, self._waiting = asyncio.Lock(), 0

    async def make(self, passphrase: str) -> bytes:
        """JSON of the pair. 503 where too many wait."""
        if self._waiting >= PAIRS_WAITING:
            raise unavailable("Many exports are being prepared just now.", 3)
        self._waiting += 1
        try:
            async with self._one:
                public, sealed = await asyncio.to_thread(guarded_key_pair, passphrase)
        finally:
            self._waiting -= 1
        return orjson.dumps({"public_key": public, "sealed_key": sealed})

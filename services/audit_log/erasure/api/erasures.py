"""`/v1/erasures`, and the legal holds that refuse one: for compliance officers alone; an erasure takes two of them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints
from starlette.responses import JSONResponse, Response

from services.audit_log.erasure.application.erasures import Erasures
from services.audit_log.ledger.api.access import Desk, LedgerRoute
from services.audit_log.ledger.application.ports import KeyringUnavailable, LedgerUnavailable
from shared.contracts.records import KeyClass
from shared.http.body import Body, documented, read_json
from shared.http.call import Call, path_id
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, Problem, invalid, unavailable

Basis = Annotated[str, StringConstraints(min_length=2, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""ground in law, one line, as `GDPR 17(1)(b)`; kept as it is, so nothing clinical and no name"""


class NewErasure(Body):
    client_id: UUID
    key_classes: Annotated[tuple[KeyClass, ...], Field(min_length=1, max_length=len(KeyClass))]
    basis: Basis


class NewHold(Body):
    client_id: UUID
    basis: Basis


class HoldRelease(Body):
    client_id: UUID


def router(erasures: Erasures, desk: Desk) -> APIRouter:
    """Every look leaves an entry, and so does every attempt of somebody who is no compliance officer."""
    routes = APIRouter(tags=["erasures"], route_class=LedgerRoute)
    holds = erasures.holds

    async def officer(request: Request, action: str) -> Call:
        return await desk.officer(request, action, refusal="Erasures and legal holds are for compliance officers.")

    async def once(
        call: Call, route: str, raw: bytes, work: Callable[[Repeat], Awaitable[tuple[Answer, Sequence[int]]]]
    ) -> Response:
        entries: Sequence[int] = ()

        async def noted(repeat: Repeat) -> Answer:
            nonlocal entries
            answer, entries = await work(repeat)
            return answer

        answer, _ = await erasures.idempotency.run(call, route, raw, noted)
        return _answered(answer, entries)

    @routes.post("/v1/erasures", status_code=202, openapi_extra=documented(NewErasure))
    async def request_erasure(request: Request) -> Response:
        """Asks for the destruction of a client's keys of these classes; another officer has to approve it."""
        call = await officer(request, "request-erasure")
        body, raw = await read_json(request, NewErasure)
        with _said_503():
            return await once(
                call,
                "POST /v1/erasures",
                raw,
                lambda repeat: erasures.request(call, body.client_id, body.key_classes, body.basis, repeat),
            )

    @routes.post("/v1/erasures/{erasure_id}/approvals", status_code=202)
    async def approve(request: Request, erasure_id: str) -> Response:
        """Begins the erasure. 403 for who asked for it, 409 where it awaits no approval."""
        call, found = await officer(request, "approve-erasure"), path_id(erasure_id)
        with _said_503():
            return await once(
                call,
                f"POST /v1/erasures/{found}/approvals",
                b"",
                lambda repeat: erasures.approve(call, found, repeat),
            )

    @routes.post("/v1/erasures/holds", status_code=201, openapi_extra=documented(NewHold))
    async def place_hold(request: Request) -> Response:
        """A legal hold: while it stands, an erasure of this client's data is refused."""
        call = await officer(request, "place-hold")
        body, raw = await read_json(request, NewHold)

        async def work(repeat: Repeat) -> tuple[Answer, Sequence[int]]:
            return await holds.place(call, body.client_id, body.basis, repeat)

        with _said_503():
            return await once(call, "POST /v1/erasures/holds", raw, work)

    @routes.get("/v1/erasures/holds")
    async def list_holds(request: Request) -> Response:
        """`?client_id=`: the client's standing holds."""
        call = await officer(request, "view-holds")
        try:
            client_id = UUID(request.query_params.get("client_id", ""))
        except ValueError:
            raise invalid([Fault("?client_id", "a UUID")]) from None
        found = await holds.standing(call.tenant, client_id)
        items = [{"id": str(h.hold_id), "basis": h.basis, "placed_by": h.placed_by} for h in found.values()]
        headers = await desk.record(call, "view-holds", {}, len(items), client_id=str(client_id))
        return JSONResponse({"items": items, "next": None}, headers=headers)

    @routes.post("/v1/erasures/holds/{hold_id}/releases", status_code=200, openapi_extra=documented(HoldRelease))
    async def release_hold(request: Request, hold_id: str) -> Response:
        """Ends a hold. 404 where no such hold of that client stands."""
        call, found = await officer(request, "release-hold"), path_id(hold_id)
        body, _ = await read_json(request, HoldRelease)
        with _said_503():
            entries = await holds.release(call, found, body.client_id)
        return _answered(Answer(200, {"id": str(found), "status": "released"}), entries)

    @routes.get("/v1/erasures/{erasure_id}")
    async def show(request: Request, erasure_id: str) -> Response:
        """How an erasure stands: who acknowledged it, and whether it is final."""
        call, found = await officer(request, "view-erasure"), path_id(erasure_id)
        query = {"erasure_id": str(found)}
        with _said_503():
            try:
                shown = await erasures.show(call, found)
            except Problem:
                await desk.record(call, "view-erasure", query, 0)
                raise
            headers = await desk.record(call, "view-erasure", query, 1, client_id=shown["client_id"])
            return JSONResponse(shown, headers=headers)

    return routes


@contextmanager
def _said_503() -> Iterator[None]:
    """Where the ledger or the keyring is away, nothing is answered that is not on record."""
    try:
        yield
    except (LedgerUnavailable, KeyringUnavailable):
        raise unavailable("The ledger or the keyring cannot be reached: ask for the state before you try again.") from None


def _answered(answer: Answer, entries: Sequence[int]) -> Response:
    headers = {"Audit-Entry": ", ".join(map(str, entries))} if entries else {}
    return JSONResponse(answer.body, status_code=answer.status, headers=headers)

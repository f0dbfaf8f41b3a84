"""`/v1/amendment-requests` (45 CFR 164.526): asked, answered in time, disagreed with; the record itself is never touched."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.dossiers import Served
from services.consent.api.life_bodies import AmendmentBody, DenialBody, ReasonBody, TextBody
from services.consent.application.dossier import Dossier
from services.consent.domain import amendment
from services.consent.domain.amendment import Amendment, By
from shared.contracts.disclosure import Action, Reference
from shared.http.body import documented, read_json
from shared.http.call import Call, path_id
from shared.http.idempotency import Answer, Repeat
from shared.sealing.event import Event
from shared.service.parts import Parts


def router(served: Served, dossier: Dossier[Amendment], parts: Parts) -> APIRouter:
    routes = APIRouter(tags=["people around the client"])

    def by(call: Call, at: datetime) -> By:
        return By(call.principal.sub, call.principal.role, at, parts.place)

    async def changed(
        call: Call, record_id: str, what: str, raw: bytes, decide: Callable[[Amendment, By], list[Event]]
    ) -> Response:
        wanted = path_id(record_id)
        return await served.run(
            call,
            raw,
            lambda repeat: dossier.change(
                call, wanted, Action.UPDATE, lambda state, at: decide(state, by(call, at)), repeat, 201
            ),
            wanted,
            what,
        )

    @routes.post("/v1/amendment-requests", status_code=201, openapi_extra=documented(AmendmentBody))
    async def ask(request: Request) -> Response:
        """Ask to have a record amended: by the client, who represents them, or at intake for what came in writing. It is to be
        answered before `due_at`: 60 days, 30 more at most."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, AmendmentBody)

        async def work(repeat: Repeat) -> Answer:
            record_id, now = parts.new_id(), parts.now()
            received = body.received_on or parts.place.today(now).isoformat()
            events = amendment.request(
                record_id, body.client_id, body.record_id, body.record_type, received, body.words(), by(call, now)
            )
            amended = (Reference(record_id=str(body.record_id), record_type=body.record_type),)
            return await dossier.create(
                call, record_id, body.client_id, events, repeat, refers_to=amended, refers_at="/record_id"
            )

        return await served.run(call, raw, work)

    @routes.post("/v1/amendment-requests/{record_id}/extensions", status_code=201, openapi_extra=documented(ReasonBody))
    async def extend(request: Request, record_id: str) -> Response:
        """Take 30 more days, once, with the reason that the client is told."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, ReasonBody)
        return await changed(call, record_id, "extensions", raw, lambda s, who: amendment.extend(s, body.reason, who))

    @routes.post("/v1/amendment-requests/{record_id}/acceptances", status_code=201, openapi_extra=documented(TextBody))
    async def accept(request: Request, record_id: str) -> Response:
        """Accept it: the text is appended beside the record, whose own bytes stay as they are."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, TextBody)
        return await changed(call, record_id, "acceptances", raw, lambda s, who: amendment.accept(s, body.text, who))

    @routes.post("/v1/amendment-requests/{record_id}/denials", status_code=201, openapi_extra=documented(DenialBody))
    async def deny(request: Request, record_id: str) -> Response:
        """Deny it, on one of the grounds of 164.526(a)(2), with the reason in plain words."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, DenialBody)
        return await changed(call, record_id, "denials", raw, lambda s, who: amendment.deny(s, body.basis, body.reason, who))

    @routes.post("/v1/amendment-requests/{record_id}/disagreements", status_code=201, openapi_extra=documented(TextBody))
    async def disagree(request: Request, record_id: str) -> Response:
        """The client's statement of disagreement with a denial."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, TextBody)
        return await changed(call, record_id, "disagreements", raw, lambda s, who: amendment.disagree(s, body.text, who))

    @routes.post("/v1/amendment-requests/{record_id}/rebuttals", status_code=201, openapi_extra=documented(TextBody))
    async def rebut(request: Request, record_id: str) -> Response:
        """The practice's answer to a statement of disagreement, of which the client has a copy."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, TextBody)
        return await changed(call, record_id, "rebuttals", raw, lambda s, who: amendment.rebut(s, body.text, who))

    served.reads(routes, "A client's requests to amend their record, newest first.", "One request, with what became of it.")
    return routes

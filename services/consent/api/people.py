"""`/v1/representatives`, `/v1/capacities`, `/v1/restrictions`: who acts for a client, when, and what is kept from payers."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import json_response
from services.consent.api.bodies import EndBody
from services.consent.api.callers import Callers
from services.consent.api.dossiers import Served
from services.consent.api.life_bodies import CapacityBody, DecisionBody, RepresentativeBody, RestrictionBody
from services.consent.application.capacities import Capacities
from services.consent.application.dossier import Dossier
from services.consent.application.standings import Standings
from services.consent.domain import representative, restriction
from services.consent.domain.representative import Appoint, Representative
from services.consent.domain.restriction import Request as Restrict
from services.consent.domain.restriction import Restriction
from shared.contracts.disclosure import Action, Reference
from shared.http.body import documented, read_json, read_optional
from shared.http.call import path_id
from shared.http.idempotency import Answer, Idempotency, Repeat
from shared.http.query import CLIENT_ID, client_of
from shared.identity.roles import Role
from shared.service.parts import Parts


def representatives(served: Served, dossier: Dossier[Representative], standings: Standings, parts: Parts) -> APIRouter:
    routes = APIRouter(tags=["people around the client"])

    @routes.post("/v1/representatives", status_code=201, openapi_extra=documented(RepresentativeBody))
    async def appoint(request: Request) -> Response:
        """Register who acts for a client, at intake. A parent's authority ends with the age of majority: from client_birth_date
        and jurisdiction where there is a sourced row, else with the period's end. Answered once the gate decides by it."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, RepresentativeBody)

        async def work(repeat: Repeat) -> Answer:
            record_id = parts.new_id()
            known = await standings.capacity(call.tenant, body.client_id)
            events = representative.appoint(
                Appoint(
                    representative_id=record_id,
                    client_id=body.client_id,
                    person=body.person,
                    kind=body.kind,
                    authority=body.authority,
                    period=body.period,
                    may=tuple(dict.fromkeys(body.may)),
                    words=body.words(),
                    by=call.principal.sub,
                    by_role=call.principal.role,
                    at=parts.now(),
                    jurisdiction=body.jurisdiction,
                    only_without_capacity=body.only_without_capacity,
                    excluded_record_ids=body.excluded_record_ids,
                    excluded_labels=body.excluded_labels,
                    incapacitated_since=known.lost_since if known else None,
                    place=parts.place,
                )
            )
            excluded = tuple(Reference(record_id=i) for i in body.excluded_record_ids)
            return await dossier.create(
                call, record_id, body.client_id, events, repeat, refers_to=excluded, refers_at="/excluded_record_ids"
            )

        return await served.run(call, raw, work)

    @routes.post("/v1/representatives/{record_id}/end", openapi_extra=documented(EndBody))
    async def end(request: Request, record_id: str) -> Response:
        """End an authority now: at intake, or by the client who gave it. Answered once the gate decides without it."""
        call, wanted = await served.callers.of(request), path_id(record_id)
        _, raw = await read_optional(request, EndBody)
        by = call.principal
        action = Action.REVOKE if by.role is Role.CLIENT else Action.UPDATE
        return await served.run(
            call,
            raw,
            lambda repeat: dossier.change(
                call, wanted, action, lambda state, at: representative.end(state, by.sub, by.role, at), repeat
            ),
            wanted,
            "end",
        )

    served.reads(routes, "Who acts, acted or will act for a client, newest first.", "One representative.")
    return routes


def capacities(served: Capacities, callers: Callers, idempotency: Idempotency) -> APIRouter:
    routes = APIRouter(tags=["people around the client"])

    @routes.post("/v1/capacities", status_code=201, openapi_extra=documented(CapacityBody))
    async def determine(request: Request) -> Response:
        """Record that a client cannot consent for now, or can again. Proxies that waited for it take effect, or rest."""
        call = await callers.of(request)
        body, raw = await read_json(request, CapacityBody)
        answer, repeated = await idempotency.run(
            call,
            "POST /v1/capacities",
            raw,
            lambda repeat: served.determine(call, body.client_id, body.has_capacity, body.instant(), body.basis, repeat),
        )
        return json_response((await served.repeated(call, answer) if repeated else answer).body, answer.status)

    @routes.get(
        "/v1/capacities",
        openapi_extra={"parameters": [CLIENT_ID]},
    )
    async def findings(request: Request) -> Response:
        """What was found about a client's capacity to consent, oldest first. Before any finding it is there."""
        call = await callers.of(request)
        shown = await served.show(call, client_of(request))
        return json_response(shown.body, headers=shown.headers)

    return routes


def restrictions(served: Served, dossier: Dossier[Restriction], parts: Parts) -> APIRouter:
    routes = APIRouter(tags=["people around the client"])

    @routes.post("/v1/restrictions", status_code=201, openapi_extra=documented(RestrictionBody))
    async def ask(request: Request) -> Response:
        """Ask to keep records from a payer (45 CFR 164.522). What the client paid for in full binds at once, and is answered once
        the gate decides by it; anything else waits for the practice's answer."""
        call = await served.callers.of(request)
        body, raw = await read_json(request, RestrictionBody)

        async def work(repeat: Repeat) -> Answer:
            record_id = parts.new_id()
            events = restriction.request(
                Restrict(
                    restriction_id=record_id,
                    client_id=body.client_id,
                    payer=body.payer,
                    paid_in_full=body.paid_in_full,
                    purposes=tuple(dict.fromkeys(body.purposes)),
                    period=body.period,
                    words=body.words(),
                    by=call.principal.sub,
                    role=call.principal.role,
                    at=parts.now(),
                    record_ids=body.record_ids,
                    labels=body.labels,
                    resource_types=tuple(str(t) for t in body.resource_types),
                    data_period=body.data_period,
                )
            )
            kept_back = tuple(Reference(record_id=i) for i in body.record_ids)
            return await dossier.create(
                call, record_id, body.client_id, events, repeat, refers_to=kept_back, refers_at="/record_ids"
            )

        return await served.run(call, raw, work)

    @routes.post("/v1/restrictions/{record_id}/decisions", openapi_extra=documented(DecisionBody))
    async def decide(request: Request, record_id: str) -> Response:
        """The practice's answer, at intake, where the law leaves it the choice."""
        call, wanted = await served.callers.of(request), path_id(record_id)
        body, raw = await read_json(request, DecisionBody)
        by = call.principal
        return await served.run(
            call,
            raw,
            lambda repeat: dossier.change(
                call,
                wanted,
                Action.UPDATE,
                lambda state, at: restriction.answer(state, body.agreed, body.note, by.sub, by.role, at),
                repeat,
            ),
            wanted,
            "decisions",
        )

    @routes.post("/v1/restrictions/{record_id}/end", openapi_extra=documented(EndBody))
    async def end(request: Request, record_id: str) -> Response:
        """Lift a restriction: by the client or who represents them. Answered once the gate knows it."""
        call, wanted = await served.callers.of(request), path_id(record_id)
        _, raw = await read_optional(request, EndBody)
        by = call.principal
        return await served.run(
            call,
            raw,
            lambda repeat: dossier.change(
                call, wanted, Action.UPDATE, lambda state, at: restriction.end(state, by.sub, by.role, at), repeat
            ),
            wanted,
            "end",
        )

    served.reads(routes, "A client's restrictions, newest first.", "One restriction.")
    return routes

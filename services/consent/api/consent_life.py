"""`/v1/consents/{id}/…`: the talk, what calls for another one, refusal, and the end that the form itself foresaw."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import json_response
from services.consent.api.callers import Callers
from services.consent.api.life_bodies import ExpirationBody, ExplanationBody, ReconsentBody, RefusalBody
from services.consent.application.consents import Consents
from shared.http.body import documented, read_json, read_optional
from shared.http.call import Call, etag, path_id
from shared.http.idempotency import Answer, Idempotency, Repeat


def router(*, consents: Consents, idempotency: Idempotency, callers: Callers) -> APIRouter:
    routes = APIRouter(tags=["consents"])

    async def run(call: Call, wanted: UUID, what: str, raw: bytes, work: Callable[[Repeat], Awaitable[Answer]]) -> Response:
        answer, repeated = await idempotency.run(call, f"POST /v1/consents/{wanted}/{what}", raw, work)
        if repeated:
            answer = await consents.repeated(call, answer)
        return json_response(answer.body, answer.status, {"ETag": etag(int(answer.body["version"]))})

    @routes.post("/v1/consents/{consent_id}/explanations", status_code=201, openapi_extra=documented(ExplanationBody))
    async def explain(request: Request, consent_id: str) -> Response:
        """Record the talk: who explained it and when, and whether it was understood. Until it was, nobody can sign."""
        call, wanted = await callers.of(request), path_id(consent_id)
        body, raw = await read_json(request, ExplanationBody)
        return await run(
            call,
            wanted,
            "explanations",
            raw,
            lambda repeat: consents.explain(call, wanted, body.explained_on, body.understood, body.talk(), repeat),
        )

    @routes.post("/v1/consents/{consent_id}/reconsents", status_code=201, openapi_extra=documented(ReconsentBody))
    async def due_again(request: Request, consent_id: str) -> Response:
        """Note that modality, plan or risk changed: the talk is due again. The consent holds until it is withdrawn or affirmed
        (by another explanation and another signature)."""
        call, wanted = await callers.of(request), path_id(consent_id)
        body, raw = await read_json(request, ReconsentBody)
        return await run(
            call, wanted, "reconsents", raw, lambda repeat: consents.call_for_talk(call, wanted, body.reason(), repeat)
        )

    @routes.post("/v1/consents/{consent_id}/refusals", status_code=201, openapi_extra=documented(RefusalBody))
    async def refuse(request: Request, consent_id: str) -> Response:
        """Say no to a consent that was offered. No reason is asked for."""
        call, wanted = await callers.of(request), path_id(consent_id)
        body, raw = await read_optional(request, RefusalBody)
        return await run(call, wanted, "refusals", raw, lambda repeat: consents.refuse(call, wanted, body.reason, repeat))

    @routes.post("/v1/consents/{consent_id}/expirations", openapi_extra=documented(ExpirationBody))
    async def expire(request: Request, consent_id: str) -> Response:
        """Note that the event which a consent was to end with has happened. Answered once the gate decides without it."""
        call, wanted = await callers.of(request), path_id(consent_id)
        body, raw = await read_json(request, ExpirationBody)
        return await run(call, wanted, "expirations", raw, lambda repeat: consents.expire(call, wanted, body.occurred_on, repeat))

    return routes

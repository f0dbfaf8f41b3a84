"""`/v1/consents`: what a client agrees to, signed, and withdrawn as easily as given (GDPR 7(3))."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.consent.api.answers import Pages, json_response
from services.consent.api.bodies import ConsentBody, RevocationBody, SignatureBody
from services.consent.api.callers import Callers
from services.consent.application.consents import Consents
from services.consent.application.reading import Reading
from shared.http.body import documented, read_json, read_optional
from shared.http.call import etag, path_id
from shared.http.conditional import if_match, required_version
from shared.http.cursor import Cursors, limit_of
from shared.http.idempotency import Answer, Idempotency
from shared.http.query import CLIENT_LIST, client_of


def router(*, consents: Consents, reading: Reading, idempotency: Idempotency, cursors: Cursors, callers: Callers) -> APIRouter:
    routes = APIRouter(tags=["consents"])
    pages = Pages(cursors, "consents")

    @routes.post("/v1/consents", status_code=201, openapi_extra=documented(ConsentBody))
    async def propose(request: Request) -> Response:
        """Write down a consent. It opens nothing until nothing is missing and it is signed."""
        call = await callers.of(request)
        body, raw = await read_json(request, ConsentBody)
        form = body.form()
        answer, _ = await idempotency.run(call, "POST /v1/consents", raw, lambda repeat: consents.propose(call, form, repeat))
        return _versioned(answer, {"Location": f"/v1/consents/{answer.body['id']}"})

    @routes.put("/v1/consents/{consent_id}", openapi_extra=documented(ConsentBody))
    async def amend(request: Request, consent_id: str) -> Response:
        """Amend a proposed consent (If-Match). Earlier signatures were given to another text and count no more."""
        call = await callers.of(request)
        wanted = path_id(consent_id)
        expected = required_version(request)
        body, _ = await read_json(request, ConsentBody)
        return _versioned(await consents.amend(call, wanted, body.form(), expected))

    @routes.post("/v1/consents/{consent_id}/signatures", status_code=201, openapi_extra=documented(SignatureBody))
    async def sign(request: Request, consent_id: str) -> Response:
        """Sign with one's own token, or at intake before a witness. With If-Match only the version that was read is signed."""
        call = await callers.of(request)
        wanted = path_id(consent_id)
        expected = if_match(request)
        body, raw = await read_optional(request, SignatureBody)
        attestation = body.attestation()
        answer, repeated = await idempotency.run(
            call,
            f"POST /v1/consents/{wanted}/signatures",
            raw,
            lambda repeat: consents.sign(call, wanted, attestation, repeat, expected, body.signer),
        )
        return _versioned(await consents.signed_before(call, answer) if repeated else answer)

    @routes.post("/v1/consents/{consent_id}/revocations", openapi_extra=documented(RevocationBody))
    async def revoke(request: Request, consent_id: str) -> Response:
        """Withdraw a consent, or withdraw it from one recipient. Answered once the gate decides without it."""
        call = await callers.of(request)
        wanted = path_id(consent_id)
        body, raw = await read_optional(request, RevocationBody)
        answer, repeated = await idempotency.run(
            call,
            f"POST /v1/consents/{wanted}/revocations",
            raw,
            lambda repeat: consents.revoke(call, wanted, body.reason, repeat, body.recipient),
        )
        return _versioned(await consents.revoked_before(call, wanted, answer) if repeated else answer)

    @routes.get("/v1/consents", openapi_extra={"parameters": CLIENT_LIST})
    async def consents_of(request: Request) -> Response:
        """A client's consents, newest first. Words are left out (`withheld`) where the caller may know but not read."""
        call = await callers.of(request)
        client_id, limit = client_of(request), limit_of(request)
        page = await reading.consents(call, client_id, pages.before(request, call, client_id), limit)
        return pages.response(page, call, client_id)

    @routes.get("/v1/consents/{consent_id}")
    async def consent(request: Request, consent_id: str) -> Response:
        """One consent with its words; its ETag is what an amendment sends in If-Match."""
        call = await callers.of(request)
        shown = await reading.consent(call, path_id(consent_id))
        return json_response(shown.body, headers={**shown.headers, "ETag": etag(shown.body["version"])})

    @routes.get("/v1/consents/{consent_id}/history")
    async def history(request: Request, consent_id: str) -> Response:
        """Every event of a consent: what, when, by whom, under which entry of the ledger."""
        call = await callers.of(request)
        shown = await reading.history(call, path_id(consent_id))
        return json_response(shown.body, headers=shown.headers)

    return routes


def _versioned(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    return json_response(answer.body, answer.status, {"ETag": etag(int(answer.body["version"])), **(headers or {})})

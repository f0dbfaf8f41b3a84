"""`POST /dev/token`: a token for anyone, in development on a loopback address only."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.entry.text import Exact, Line
from shared.http.body import Body, read_json
from shared.http.call import request_id_of
from shared.http.problems import Fault, Problem, invalid
from shared.identity.development import LIFETIME_SECONDS, DevelopmentIssuer
from shared.identity.roles import Role
from shared.identity.tokens import InvalidToken, principal_of

Id = Annotated[str, Exact(200)]


class TokenRequest(Body):
    sub: Id
    name: Annotated[str, Line(200)] | None = None
    tenant: Id
    role: Role | None = None
    roles: Annotated[list[Role], Field(min_length=1, max_length=9)] | None = None
    """of a solo practice's practitioner, instead of `role`"""
    client_id: Id | None = None
    scope: Annotated[str, Exact(2_000, shortest=0)] | None = None


def dev_token(issuer: DevelopmentIssuer) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response: Response = await _issue(request, issuer)
        except Problem as problem:
            response = problem.response(request_id_of(request))
        await response(scope, receive, send)

    return answer


async def _issue(request: Request, issuer: DevelopmentIssuer) -> JSONResponse:
    if request.method != "POST":
        raise Problem(405, "method", "POST only", headers={"Allow": "POST"})
    wanted, _ = await read_json(request, TokenRequest, limit=16_384)
    claims = wanted.model_dump(mode="json", exclude_none=True)
    try:
        principal_of(claims)
    except InvalidToken as error:
        raise invalid([Fault("", str(error))]) from None
    body = {"access_token": issuer.token(claims), "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})

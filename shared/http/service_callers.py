"""Which service sends a request: 401 where none is shown, 403 where it may not call this."""

from typing import Final

from starlette.requests import Request

from shared.contracts.records import ServiceName
from shared.http.body import raw_body
from shared.http.problems import Problem, forbidden
from shared.identity.assertions import ServiceVerifier, UnknownService

MAX_BODY: Final = 1_048_576
"""bytes of a service's request"""


async def service_of(
    request: Request, verifier: ServiceVerifier, allowed: frozenset[ServiceName] | None = None
) -> tuple[ServiceName, bytes]:
    """The calling service and the request's body. 401 where it is none, 403 where it is not one of `allowed`."""
    body = await raw_body(request, MAX_BODY)
    path = request.scope.get("raw_path", b"") or request.scope["path"].encode()
    query = request.scope.get("query_string", b"")
    try:
        service = verifier.verify(
            request.method, path.decode("latin-1").partition("?")[0], query.decode("latin-1"), request.headers, body
        )
    except UnknownService as error:
        raise Problem(401, "unknown-service", "Not a known service", str(error)) from None
    if allowed is not None and service not in allowed:
        raise forbidden("This service may not call this.")
    return service, body


async def verify_service(
    request: Request, verifier: ServiceVerifier, allowed: frozenset[ServiceName] | None = None
) -> ServiceName:
    """For a route that needs only the caller's name: 401 where it is no service, 403 where it is not one of `allowed`."""
    service, _ = await service_of(request, verifier, allowed)
    return service

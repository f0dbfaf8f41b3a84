"""RFC 9457 problem documents: what is wrong, where, what to do. Never a clinical word, never an input's value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"


_ERRORS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
        "required": ["pointer", "detail"],
        "additionalProperties": False,
    },
}
PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": _ERRORS,
        "reason": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status"],
    "additionalProperties": False,
}
"""JSON schema of `Problem.document`"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the input."""

    pointer: str
    """JSON pointer (RFC 6901) into the body, or `?name` for a query parameter, or `header:Name`"""
    detail: str


class Problem(Exception):
    """Raised anywhere in a request; answered as `application/problem+json`."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        """`reason`: a code for programs, where the slug says too little."""
        super().__init__(title)
        self.reason = reason
        self.status, self.slug, self.title, self.detail = status, slug, title, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})

    def document(self, request_id: str) -> dict[str, Any]:
        doc: dict[str, Any] = {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status}
        if self.detail:
            doc["detail"] = self.detail
        if self.errors:
            doc["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in self.errors]
        if self.reason:
            doc["reason"] = self.reason
        if request_id:
            doc["request_id"] = request_id
        return doc

    def response(self, request_id: str = "") -> Response:
        return Response(
            orjson.dumps(self.document(request_id)),
            status_code=self.status,
            media_type=PROBLEM_JSON,
            headers={**self.sent(), "Cache-Control": "no-store"},
        )

    def sent(self) -> dict[str, str]:
        """Its headers. A 404 never names a ledger entry: it would tell a record that exists from one that does not."""
        return {k: v for k, v in self.headers.items() if self.status != 404 or k.lower() != "audit-entry"}


def unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", "No valid token", detail, headers={"WWW-Authenticate": "Bearer"})


def forbidden(detail: str = "Your role, purpose or the client's consent does not allow this.") -> Problem:
    return Problem(403, "forbidden", "Not allowed", detail)


def insufficient_scope(needed: Sequence[str] = ()) -> Problem:
    """403 for a token whose SMART scopes do not cover the call (RFC 6750, 3.1). `needed` as in `smart_scopes.ROUTES`."""
    detail = "Its SMART scopes do not reach this."
    if needed:
        detail = f"Get a token with {' and '.join(needed)} of patient, user or system."
    headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return Problem(403, "insufficient-scope", "The token's scopes do not cover this", detail, headers=headers)


def not_found(detail: str = "There is nothing here that you may know of.") -> Problem:
    return Problem(404, "not-found", "Not found", detail)


def conflict(detail: str) -> Problem:
    return Problem(409, "conflict", "Conflicts with the present state", detail)


def stale_version() -> Problem:
    return Problem(412, "stale-version", "Somebody changed it first", "Read it again and send its new ETag in If-Match.")


def version_required() -> Problem:
    return Problem(428, "version-required", "If-Match is required", "Send the ETag that you read in If-Match.")


def too_large(limit: int) -> Problem:
    return Problem(413, "too-large", "Too large", f"At most {limit} bytes are taken here.")


def invalid(errors: Sequence[Fault], detail: str = "Correct the faults listed and send it again.") -> Problem:
    return Problem(422, "invalid", "Some of the input is not valid", detail, errors=errors)


def unavailable(detail: str, retry_after: int = 2, reason: str = "") -> Problem:
    headers = {"Retry-After": str(retry_after)}
    return Problem(503, "unavailable", "Not available just now", detail, headers=headers, reason=reason)


class Unavailable(Exception):
    """Something that this needs does not answer: nothing was decided and nothing was written. Answered with 503."""

    def problem(self) -> Problem:
        """Says what does not answer."""
        return unavailable("Something that this needs does not answer.")

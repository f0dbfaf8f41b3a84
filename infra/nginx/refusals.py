"""What nginx says itself: a problem document (an OperationOutcome below `/fhir`), as the services say it, and no HTML."""

from dataclasses import dataclass
from typing import Final

import orjson

from shared.http.fhir import FHIR_JSON, outcome_of
from shared.http.problems import PROBLEM_JSON, Problem, not_found, too_large, unavailable

MAX_BODY: Final = 1_048_576
"""bytes of a body"""
RETRY_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """One status that nginx gives by itself."""

    code: int
    """as nginx counts it: 494 and 497 are numbers of its own"""
    problem: Problem

    @property
    def path(self) -> str:
        """where it is answered; not to be asked from outside"""
        return f"/-/refusals/{self.code}"


def _away(status: int, title: str, detail: str) -> Problem:
    return Problem(status, "unavailable", title, detail, headers={"Retry-After": str(RETRY_SECONDS)})


_UNREADABLE: Final = Problem(400, "bad-request", "The request is not readable", "Send it as HTTP/1.1 or HTTP/2 asks for.")
_HEADERS: Final = Problem(431, "headers-too-large", "Headers too large", "Address and headers are too long.")
REFUSALS: Final = (
    Refusal(400, _UNREADABLE),
    Refusal(404, not_found()),
    Refusal(405, Problem(405, "method", "The method is not served here", "Ask as the OpenAPI document of the path says.")),
    Refusal(411, Problem(411, "length-required", "Content-Length is required", "Send the length of the body.")),
    Refusal(413, too_large(MAX_BODY)),
    Refusal(414, Problem(414, "address-too-long", "The address is too long", "Ask by a shorter query, or page by page.")),
    Refusal(494, _HEADERS),
    Refusal(495, _UNREADABLE),
    Refusal(496, _UNREADABLE),
    Refusal(497, Problem(400, "bad-request", "TLS is required", "Ask by https.")),
    Refusal(500, Problem(500, "internal", "It failed", "It is logged. Try again, and tell the operator if it stays.")),
    Refusal(501, Problem(501, "not-implemented", "The transfer coding is not known", "Send the body as it is, or chunked.")),
    Refusal(502, _away(502, "The service does not answer", "Nothing is known of what was asked: ask again.")),
    Refusal(503, unavailable("It is busy: ask again.", RETRY_SECONDS)),
    Refusal(504, _away(504, "The service took too long", "It may be done: ask again, with the same Idempotency-Key.")),
    Refusal(505, _UNREADABLE),
)  # fmt: skip


def maps() -> list[str]:
    """For the level of `http`: what each says by the address that was asked for."""
    lines = ["map $request_uri $refused_as {", f"  default {PROBLEM_JSON};", f'  "~^/fhir([/?]|$)" {FHIR_JSON};', "}"]
    for refusal in REFUSALS:
        plain, fhir = refusal.problem.document(""), outcome_of(refusal.problem)
        lines += [f"map $request_uri $refusal_{refusal.code} {{", f"  default {_quoted(plain)};"]
        lines += [f'  "~^/fhir([/?]|$)" {_quoted(fhir)};', "}"]
    return lines


def pages(headers: str) -> list[str]:
    """For the server: where each is answered, with the server's own headers."""
    lines = []
    for refusal in REFUSALS:
        status = refusal.problem.status
        changed = "" if status == refusal.code else f"={status} "
        sent = "".join(f" add_header {name} {value} always;" for name, value in refusal.problem.sent().items())
        answered = (
            f"default_type ''; {headers} add_header Content-Type $refused_as always; add_header Cache-Control no-store always;"
        )
        lines += [
            f"  error_page {refusal.code} {changed}{refusal.path};",
            f"  location = {refusal.path} {{ internal; {answered}{sent} return {status} $refusal_{refusal.code}; }}",
        ]
    return lines


def _quoted(document: dict[str, object]) -> str:
    text = orjson.dumps(document).decode()
    if any(letter in text for letter in "'$\\"):
        raise ValueError("nginx would read it otherwise")
    return f"'{text}'"

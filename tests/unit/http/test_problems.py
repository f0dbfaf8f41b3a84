"""What a problem tells its caller beside its words."""

import orjson
import pytest

from shared.http.page_session import MAX_COOKIE_BYTES
from shared.http.problems import (
    PROBLEM_JSON,
    Fault,
    Problem,
    conflict,
    forbidden,
    insufficient_scope,
    invalid,
    not_found,
    stale_version,
    too_large,
    unauthenticated,
    unavailable,
    version_required,
)


@pytest.mark.parametrize("name", ["Audit-Entry", "audit-entry"])
def test_a_404_names_no_ledger_entry_and_a_403_does(name: str) -> None:
    """Records that exist leave an entry about them; what never was leaves none. The header would tell which it is."""
    hidden, refused = not_found(), forbidden()
    for problem in (hidden, refused):
        problem.headers[name] = "7"
    assert "audit-entry" not in hidden.response().headers
    assert refused.response().headers["audit-entry"] == "7"


def test_other_headers_of_a_404_stay() -> None:
    assert Problem(404, "x", "x", headers={"Retry-After": "2"}).response().headers["retry-after"] == "2"


def test_a_document_has_what_there_is_to_say_and_nothing_empty() -> None:
    whole = Problem(422, "invalid", "T", "D", errors=[Fault("/a", "b")], reason="why").document("r-1")
    assert whole == {
        "type": "/problems/invalid",
        "title": "T",
        "status": 422,
        "detail": "D",
        "errors": [{"pointer": "/a", "detail": "b"}],
        "reason": "why",
        "request_id": "r-1",
    }
    assert Problem(409, "x", "T").document("") == {"type": "/problems/x", "title": "T", "status": 409}


def test_a_problem_is_never_kept_by_anybody() -> None:
    sent = Problem(409, "x", "T", headers={"X-A": "b"}).response("r-1")
    assert (sent.status_code, sent.media_type, orjson.loads(bytes(sent.body))["request_id"]) == (409, PROBLEM_JSON, "r-1")
    assert (sent.headers["cache-control"], sent.headers["x-a"]) == ("no-store", "b")


@pytest.mark.parametrize(
    ("problem", "status", "slug", "headers"),
    [
        (unauthenticated("d"), 401, "unauthenticated", {"WWW-Authenticate": "Bearer"}),
        (forbidden(), 403, "forbidden", {}),
        (insufficient_scope(), 403, "insufficient-scope", {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}),
        (not_found(), 404, "not-found", {}),
        (conflict("d"), 409, "conflict", {}),
        (stale_version(), 412, "stale-version", {}),
        (too_large(7), 413, "too-large", {}),
        (invalid([Fault("/a", "b")]), 422, "invalid", {}),
        (version_required(), 428, "version-required", {}),
        (unavailable("d"), 503, "unavailable", {"Retry-After": "2"}),
        (unavailable("d", 9), 503, "unavailable", {"Retry-After": "9"}),
    ],
)
def test_each_problem(problem: Problem, status: int, slug: str, headers: dict[str, str]) -> None:
    assert (problem.status, problem.slug, problem.headers) == (status, slug, headers)
    assert problem.title and problem.detail and problem.reason == ""


def test_scopes_that_are_missing_are_named() -> None:
    assert insufficient_scope(("Encounter.r", "Observation.r")).detail.startswith(
        "Get a token with Encounter.r and Observation.r "
    )


def test_a_cookie_leaves_room_for_its_name() -> None:
    assert MAX_COOKIE_BYTES == 3_800

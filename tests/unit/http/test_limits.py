"""How many items a page holds: one to two hundred, written in one way."""

import pytest
from starlette.requests import Request

from shared.http.cursor import MAX_LIMIT, limit_of
from shared.http.problems import Problem


def asked(limit: str) -> Request:
    return Request({"type": "http", "query_string": b"limit=" + limit.encode(), "headers": []})


@pytest.mark.parametrize(("limit", "taken"), [("1", 1), ("50", 50), (str(MAX_LIMIT), MAX_LIMIT)])
def test_taken(limit: str, taken: int) -> None:
    assert limit_of(asked(limit)) == taken


@pytest.mark.parametrize(
    "limit", ["0", "201", "999", "1000", "000001999", "01", "0000200", "9" * 5_000, "%D9%A3", "-1", "1.0", "1e2", "", "%2B1"]
)
def test_refused(limit: str) -> None:
    with pytest.raises(Problem) as refused:
        limit_of(asked(limit))
    assert refused.value.status == 422

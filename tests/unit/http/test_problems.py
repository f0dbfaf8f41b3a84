"""What a problem tells its caller beside its words."""

import pytest

from shared.http.problems import Problem, forbidden, not_found


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

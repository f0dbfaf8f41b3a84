"""`If-Match` in all spellings of RFC 9110."""

import pytest
from starlette.requests import Request

from shared.http.conditional import if_match, required_version
from shared.http.problems import Problem


def request(*values: str) -> Request:
    return Request({"type": "http", "headers": [(b"if-match", v.encode("latin-1")) for v in values]})


@pytest.mark.parametrize(
    ("values", "holding"),
    [
        (['W/"3"'], {3}),
        (['"3"'], {3}),
        ([' W/"3" '], {3}),
        (['W/"2", "3"'], {2, 3}),
        (['W/"2","3",'], {2, 3}),
        ([', , W/"2"'], {2}),
        (['W/"2"', 'W/"3"'], {2, 3}),
        (['"of-another-server"'], set()),
        (['"of-another-server", W/"3"'], {3}),
        (['""'], set()),
        (['W/"03"'], set()),
        (["*"], {1, 2, 3, 99}),
    ],
)
def test_which_versions_hold(values: list[str], holding: set[int]) -> None:
    expected = required_version(request(*values))
    for version in (1, 2, 3, 99):
        assert expected.holds(version) is (version in holding), version
        if version not in holding:
            with pytest.raises(Problem) as stale:
                expected.check(version)
            assert stale.value.status == 412


@pytest.mark.parametrize("value", ["3", "W/3", 'w/"3"', '"3', "", "3,4", '"3" "4"', "**", '*, "3"', 'W/ "3"', '"a b"'])
def test_what_is_no_entity_tag_is_refused_in_words(value: str) -> None:
    with pytest.raises(Problem) as refused:
        if_match(request(value))
    assert refused.value.status == 422 and refused.value.errors[0].pointer == "header:If-Match"


def test_without_it() -> None:
    assert if_match(request()) is None
    with pytest.raises(Problem) as missing:
        required_version(request())
    assert missing.value.status == 428

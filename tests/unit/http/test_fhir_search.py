"""Search parameters of FHIR: each way to write a date, a token, a reference and a page size."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.http.fhir_search import (
    FIRST,
    FOREVER,
    Reference,
    Token,
    codes_of,
    count_of,
    criteria_of,
    dates_of,
    parts_of,
    reference_of,
    tokens_of,
    understood,
)
from shared.http.problems import Problem

BASE = "https://record.example.org/fhir/R4"


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]


SPANS: list[tuple[str, str, datetime, datetime]] = [
    ("2026", "eq", at(2026, 1, 1), at(2027, 1, 1)),
    ("2024", "eq", at(2024, 1, 1), at(2025, 1, 1)),
    ("ge2026-02", "ge", at(2026, 2, 1), at(2026, 3, 1)),
    ("lt2024-02", "lt", at(2024, 2, 1), at(2024, 3, 1)),
    ("2026-12-31", "eq", at(2026, 12, 31), at(2027, 1, 1)),
    ("gt2028-05-15T14:30Z", "gt", at(2028, 5, 15, 14, 30), at(2028, 5, 15, 14, 31)),
    ("2028-05-15T14:30:00Z", "eq", at(2028, 5, 15, 14, 30), at(2028, 5, 15, 14, 30, 1)),
    ("2028-05-15T10:00:00-08:00", "eq", at(2028, 5, 15, 18), at(2028, 5, 15, 18, 0, 1)),
    ("2028-05-15T10:00:00 01:00", "eq", at(2028, 5, 15, 9), at(2028, 5, 15, 9, 0, 1)),
    ("2028-05-15T10:00:00.25Z", "eq", at(2028, 5, 15, 10, 0, 0, 250_000), at(2028, 5, 15, 10, 0, 0, 260_000)),
    ("2028-05-15T10:00:00.1234567Z", "eq", at(2028, 5, 15, 10, 0, 0, 123_456), at(2028, 5, 15, 10, 0, 0, 123_457)),
    ("2016-12-31T23:59:60Z", "eq", at(2016, 12, 31, 23, 59, 59), at(2017, 1, 1)),
    ("9999", "eq", at(9999, 1, 1), FOREVER),
    ("0001", "eq", FIRST, at(2, 1, 1)),
    ("le9999-12-31T23:59:59-14:00", "le", FOREVER, FOREVER),
    ("sa0001-01-01T00:00:00+14:00", "sa", FIRST, FIRST + timedelta(seconds=1)),
]


@pytest.mark.parametrize(("text", "prefix", "start", "end"), SPANS, ids=[s[0] for s in SPANS])
def test_a_date_stands_for_a_span(text: str, prefix: str, start: datetime, end: datetime) -> None:
    (span,) = dates_of("date", text)
    assert (span.prefix, span.start, span.end) == (prefix, start, end)


@pytest.mark.parametrize(
    "text",
    [
        "soon", "2026-13", "2026-02-30", "2026-2", "26", "0000", "2026-03-02T08:00", "2026-03-02T08Z", "2026-03-02T25:00Z",
        "2026-03-02T08:00:61Z", "2026-03-02T08:00+15:00", "2026-03-02T08:00+01:60", "ap2026", "xx2026", "2026,", "eq", "20260302",
        "2026-03-02T08:00:00.Z", "\uff12026",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        dates_of("date", text)
    assert refused.value.status == 400 and refused.value.errors[0].pointer == "?date"


def test_alternatives_of_a_date() -> None:
    assert [s.start.year for s in dates_of("period", "2024,2026")] == [2024, 2026]


OPEN: list[tuple[str, bool, bool]] = [
    ("2026-03", False, False),
    ("ne2026-03", True, True),
    ("ge2026-03", True, True),
    ("ge2026-04", True, False),
    ("gt2030", True, False),
    ("lt2026-03", False, True),
    ("le2026-03", True, True),
    ("sa2026-02", True, False),
    ("eb2026-05", False, True),
]


@pytest.mark.parametrize(("text", "without_end", "without_start"), OPEN, ids=[o[0] for o in OPEN])
def test_open_periods(text: str, without_end: bool, without_start: bool) -> None:
    """From 15 March 2026 on; until 15 March 2026."""
    (span,) = dates_of("period", text)
    assert span.matches(at(2026, 3, 15), FOREVER) is without_end
    assert span.matches(FIRST, at(2026, 3, 15)) is without_start


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("", True), ("ne", False), ("ge", True), ("le", True), ("gt", False), ("lt", False), ("sa", False), ("eb", False)],
)
def test_an_instant_is_compared_as_it_is_shown(prefix: str, expected: bool) -> None:
    stored = at(2026, 3, 2, 8, 0, 5, 123_999)
    shown = stored.isoformat(timespec="milliseconds")
    (span,) = dates_of("_lastUpdated", prefix + shown)
    assert span.matches_instant(stored) is expected


def test_tokens() -> None:
    assert tokens_of("category", "a") == (Token(None, "a"),)
    assert tokens_of("category", "s|a,|b,t|") == (Token("s", "a"), Token("", "b"), Token("t", ""))
    assert tokens_of("identifier", r"urn:x|a\|b\,c\\") == (Token("urn:x", "a|b,c\\"),)
    assert Token("", "b").matches("", "b") and not Token("", "b").matches("s", "b")
    assert Token("t", "").matches("t", "x") and not Token("t", "").matches("s", "x")
    assert Token(None, "a").matches("s", "a") and not Token(None, "a").matches("s", "b")
    for text in ("|", ",", "a,", "a|b|c"):
        with pytest.raises(Problem):
            tokens_of("category", text)


def test_codes_of_one_system() -> None:
    known = ("R", "E")
    assert codes_of("action", "R,E", "urn:a", known) == {"R", "E"}
    assert codes_of("action", "urn:a|R", "urn:a", known) == {"R"}
    assert codes_of("action", "urn:a|", "urn:a", known) == {"R", "E"}
    assert codes_of("action", "urn:b|R,|E", "urn:a", known) == frozenset()
    with pytest.raises(Problem):
        codes_of("action", "READ", "urn:a", known)


def test_references() -> None:
    assert reference_of("patient", "7", BASE) == Reference(None, "7")
    assert reference_of("patient", "Patient/7", BASE) == Reference("Patient", "7")
    assert reference_of("patient", f"{BASE}/Patient/7", BASE) == Reference("Patient", "7")
    assert reference_of("patient", f"{BASE}/Patient/7/_history/2", BASE) == Reference("Patient", "7")
    assert reference_of("patient", "https://elsewhere.example/fhir/R4/Patient/7", BASE) is None
    with pytest.raises(Problem):
        reference_of("patient", "Patient/a b", BASE)


def test_a_page_size_is_read_by_its_value() -> None:
    assert (count_of("200"), count_of("0000009")) == (200, 9)
    for text in ("0002009", "201", "0", "-1", "1e2", "1_0", " 7", "\u0667", "", "9" * 30):
        with pytest.raises(Problem):
            count_of(text)


@pytest.mark.parametrize(
    "header",
    [
        "identifier=urn:example|7",
        "?identifier=urn:example|7",
        "Consent?identifier=urn:example|7",
        f"{BASE}/Consent?identifier=urn%3Aexample%7C7",
        "http://inside:8080/fhir/R4/Consent?identifier=urn%3Aexample%7C7",
        "  Consent?identifier=urn%3Aexample%7C7 ",
    ],
)
def test_if_none_exist_in_each_spelling(header: str) -> None:
    assert criteria_of(header, "Consent") == [("identifier", "urn:example|7")]


@pytest.mark.parametrize("header", ["", "Patient?identifier=x", "Consent?", f"{BASE}/Patient?identifier=x"])
def test_if_none_exist_that_searches_nothing_is_refused(header: str) -> None:
    with pytest.raises(Problem) as refused:
        criteria_of(header, "Consent")
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "pair", [("nonsense", "x"), ("status:not", "x"), ("status", ""), ("status", "a\x00b"), ("status", "\ud800")]
)
def test_pairs_that_are_not_understood(pair: tuple[str, str]) -> None:
    known: dict[str, Any] = {"status": "token"}
    with pytest.raises(Problem):
        understood([pair], known, lenient=False)
    assert understood([("status", "x"), ("nonsense", "y")], known, lenient=True) == [("status", "x")]


def test_what_was_typed_as_a_name_is_not_repeated() -> None:
    with pytest.raises(Problem) as refused:
        understood([("Noor Haddad hears voices", "x")], {"status": "token"}, lenient=False)
    assert "Noor" not in str(refused.value.errors)


def test_parts_keep_their_escapes() -> None:
    assert parts_of(r"a\,b,c\\,d", ",") == [r"a\,b", r"c\\", "d"]

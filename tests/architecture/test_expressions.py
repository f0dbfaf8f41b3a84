"""No text that somebody sends may hold a process up: each regular expression takes time in proportion to its text, and a new one
that does not fails here."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Annotated, Final

import pytest
from pydantic import StringConstraints, TypeAdapter, ValidationError

from infra.routes import ROUTES
from services.audit_log.officers.domain.way_back import HOME, way_back
from shared.http.cookies import cookie
from tests.support.ambiguity import Expression, Growth, NotUnderstood
from tests.support.expressions import ROOT, Found, checked_by_pydantic, in_memory, in_source, of_paths, sources

LONG: Final = 30_000
"""characters of a worst text: a quadratic expression needs seconds for them"""
SECONDS: Final = 1.0
SHORT: Final = {
    "session_notes/notes/domain/sections": (64, "a longer name of a section is refused before (`MAX_KEY`)"),
}
"""module → longest text that its expressions ever see, and why; quadratic ones may stand there alone"""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails where it takes longer; `re` looks for signals while it works."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def _all() -> list[Found]:
    written = in_source()
    known = {f.pattern for f in written}
    made = [f for f in in_memory() if f.pattern not in known]
    of_nginx = [Found("^" + r.pattern, 0, False, True, "infra/routes.py") for r in ROUTES]
    return [*written, *made, *of_nginx, *{f.pattern: f for f in of_paths()}.values()]


def _short(found: Found) -> int | None:
    place = found.where.replace(".", "/")
    return next((most for module, (most, _) in SHORT.items() if module in place), None)


@pytest.mark.parametrize("found", _all(), ids=lambda f: f.id)
def test_every_expression_is_linear(found: Found) -> None:
    growth = Expression(found.pattern, found.flags, whole=found.whole, begins=found.begins).growth()
    allowed = {Growth.LINEAR} if _short(found) is None else {Growth.LINEAR, Growth.POLYNOMIAL}
    assert growth in allowed, f"{found.where}: {growth}; write it so that each text can be read in one way"


@pytest.mark.parametrize("found", _all(), ids=lambda f: f.id)
def test_every_expression_answers_its_worst_text_in_time(found: Found) -> None:
    expression, compiled = (
        Expression(found.pattern, found.flags, whole=found.whole, begins=found.begins),
        re.compile(found.pattern, found.flags),
    )
    for text in expression.worst(_short(found) or LONG):
        asked = text.encode() if isinstance(found.pattern, bytes) else text
        with within(SECONDS):
            way = compiled.fullmatch if found.whole else compiled.match if found.begins else compiled.search
            way(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(("where", "pattern"), checked_by_pydantic())
def test_every_field_answers_its_worst_text_in_time(where: str, pattern: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    for text in Expression(pattern).worst(LONG):
        with within(SECONDS), suppress(ValidationError):
            adapter.validate_python(text)


def test_no_model_asks_for_the_engine_that_backtracks() -> None:
    for file in sources():
        assert "python-re" not in file.read_text(), file


def test_cookies_are_read_by_one_function_alone() -> None:
    """The standard library takes a minute to unquote 256 KiB of backslashes (CVE-2024-7592)."""
    for file in sources():
        text = file.read_text()
        assert ".cookies" not in text.replace("shared.http.cookies", ""), file.relative_to(ROOT)
        assert "http.cookies import" not in text.replace("shared.http.cookies import", ""), file.relative_to(ROOT)


@pytest.mark.parametrize("asked", ["/review/" + "a" * 45 + "!", "/review/" + "a/" * 390 + "!", "/review/" + "a" * 700 + "?\n"])
def test_where_somebody_wanted_to_go_is_read_in_time(asked: str) -> None:
    with within(SECONDS):
        assert way_back(asked) == HOME


@pytest.mark.parametrize("value", ['"' + "\\" * 250_000 + '"', '"' + "\\1" * 120_000 + '"', ";" * 250_000, "=;" * 120_000])
def test_a_cookie_is_read_in_time(value: str) -> None:
    with within(SECONDS):
        assert cookie([(b"cookie", f"page_session={value}; other=1".encode())], "other") == "1"


@pytest.mark.parametrize(
    ("pattern", "whole", "growth"),
    [
        (r"/review/(?:[A-Za-z0-9._~-]+/?)*", True, Growth.EXPONENTIAL),
        (r"(a+)+", True, Growth.EXPONENTIAL),
        (r"(a|a)*b", True, Growth.EXPONENTIAL),
        (r"(a*)*b", True, Growth.EXPONENTIAL),
        (r"a*a*", True, Growth.POLYNOMIAL),
        (r"\s+$", False, Growth.POLYNOMIAL),
        (r"a+b", False, Growth.POLYNOMIAL),
        (r"\w+", False, Growth.LINEAR),
        (r"(?:x\d{3}/)*\d{3}", True, Growth.LINEAR),
    ],
)
def test_an_ambiguous_expression_would_be_found(pattern: str, whole: bool, growth: Growth) -> None:
    assert Expression(pattern, whole=whole).growth() is growth


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        Expression(r"(a)\1")

"""What binds an answer of the identity provider to the browser that asked; where a sign-in may lead."""

from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from starlette.responses import Response

from services.audit_log.officers.application.attempts import _MOST, Attempts
from services.audit_log.officers.domain.attempt import LASTS, Attempt, _under, opened, proofs, sealed
from services.audit_log.officers.domain.refusals import TOLD, Refusal, Refused
from services.audit_log.officers.domain.way_back import HOME, way_back
from shared import base64url
from shared.http.page_forms import PageSession
from tests.unit.audit_log.asking import NOW

SECRET = sha256(b"secret").digest()
ATTEMPT = Attempt(bytes(range(24)), int(NOW.timestamp()), "/review/entries/4")


class Clock:
    def __init__(self) -> None:
        self.at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


def attempts(clock: Clock, secret: bytes = SECRET) -> Attempts:
    numbers = iter(range(1, 100))
    return Attempts(secret, now=clock, random=lambda n: next(numbers).to_bytes(n, "big"))


def test_what_the_browser_keeps_names_neither_state_nor_nonce_nor_verifier() -> None:
    kept, found = sealed(SECRET, ATTEMPT), proofs(SECRET, ATTEMPT)
    words = (found.state, found.nonce, found.verifier)
    assert len({*words, found.challenge}) == 4 and all(len(w) == 43 for w in words)
    raw = urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
    assert not [w for w in words if w in kept or urlsafe_b64decode(w + "=") in raw]
    assert urlsafe_b64decode(found.challenge + "=") == sha256(found.verifier.encode()).digest()
    assert opened(SECRET, kept) == ATTEMPT


def test_only_what_was_sealed_here_is_opened() -> None:
    kept = sealed(SECRET, ATTEMPT)
    assert opened(sha256(b"another").digest(), kept) is None
    assert proofs(sha256(b"another").digest(), ATTEMPT) != proofs(SECRET, ATTEMPT)
    for number in range(len(kept)):
        changed = kept[:number] + ("A" if kept[number] != "A" else "B") + kept[number + 1 :]
        assert opened(SECRET, changed) != ATTEMPT, number
    for text in ("", "A", "%", kept[:43], kept + "AAAA", "é"):
        assert opened(SECRET, text) is None


def test_an_attempt_lasts_ten_minutes() -> None:
    assert timedelta(minutes=10) == LASTS
    clock = Clock()
    begun = attempts(clock)
    for late, why in ((LASTS - timedelta(seconds=1), None), (LASTS, Refusal.OVER), (-timedelta(seconds=5), Refusal.OVER)):
        clock.at = NOW
        kept, found = begun.begin(HOME)
        clock.at = NOW + late
        if why is None:
            assert begun.take(kept, found.state)[0].leads_to == HOME
        else:
            with pytest.raises(Refused) as refused:
                begun.take(kept, found.state)
            assert refused.value.why is why


def test_an_attempt_is_taken_once() -> None:
    begun = attempts(Clock())
    kept, found = begun.begin(HOME)
    begun.take(kept, found.state)
    with pytest.raises(Refused, match="attempt"):
        begun.take(kept, found.state)
    another, _ = begun.begin(HOME)
    for state in ("", "é", found.state):
        with pytest.raises(Refused, match="attempt"):
            begun.take(another, state)


def test_every_refusal_is_told() -> None:
    assert set(TOLD) == set(Refusal)


@pytest.mark.parametrize("page", ["/review/", "/review/search?client_id=a&from=2026-01-01&agent=x%20y", "/review/entries/40"])
def test_a_page_of_ours_is_where_it_leads(page: str) -> None:
    assert way_back(page) == page


@pytest.mark.parametrize(
    "page",
    [
        None,
        "",
        "/",
        "/reviewx",
        "https://evil.example/review/",
        "//evil.example/review/",
        "/review//evil.example",
        "/review/..//evil.example",
        "/review/a\\b",
        "/review/a\n",
        "/review/?a#b",
        "/review/@evil.example",
        "/review/sign-out",
        "/review/signed-in?next=/review/",
        "/review/" + "a" * 800,
    ],
)
def test_anything_else_leads_home(page: str | None) -> None:
    assert way_back(page) == HOME


def test_under_https_no_other_host_can_set_the_attempt() -> None:
    response = Response()
    PageSession(SECRET, secure=True, now=Clock(), random=bytes).keep_attempt(response, "kept", 600)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-page_attempt=kept;")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} == set(cookie.split("; ")[1:])


@pytest.mark.parametrize("size", [0, 8, 16, 24, 31])
def test_a_cookie_that_is_too_short_is_none_although_it_is_signed(size: int) -> None:
    body = bytes(size)
    assert opened(SECRET, base64url.encode(_under(SECRET, "cookie", body) + body)) is None
    shortest = Attempt(bytes(24), 0, "")
    assert opened(SECRET, sealed(SECRET, shortest)) == shortest


def test_how_many_attempts_are_remembered() -> None:
    assert _MOST == 10_000

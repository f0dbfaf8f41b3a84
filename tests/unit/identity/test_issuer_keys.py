"""The issuer's keys over HTTP from a server on this machine: whatever it answers, the fetching goes on, and age is bounded."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import orjson
import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.compose.certificates import Authority
from shared.http.app import create_app
from shared.identity import oidc
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.oidc import DOUBT_SECONDS, MAX_AGE_SECONDS, MAX_BYTES, RemoteKeys, UnguardedAddress, key_set
from shared.identity.tokens import InvalidToken, KeysUnknown, StaticKeys, TokenVerifier
from shared.service.parts import Unwired
from shared.service.run import Deployment
from tests.support.http import serving
from tests.support.ports import free_port
from tests.support.waiting import until

NOW = 1_900_000_000.0
OURS, NEXT = (DevelopmentIssuer(seed * 32, clock=lambda: NOW, new_id=lambda: UUID(int=1)) for seed in (b"i", b"n"))
GOOD = orjson.dumps(OURS.jwks())
KEY = OURS.jwks()["keys"][0]


async def comes(holds: Callable[[], bool]) -> None:
    async def held() -> bool:
        return holds()

    await until(held)


class Issuer:
    """Answers with what it is told to; counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: bytes = GOOD
        self.status, self.headers, self.asked = 200, {"Content-Type": "application/json"}, 0
        self.app = Starlette(routes=[Route("/keys", self._keys), Route("/elsewhere", self._elsewhere)])

    async def _keys(self, _: Request) -> Response:
        self.asked += 1
        return Response(self.answer, self.status, self.headers)

    async def _elsewhere(self, _: Request) -> Response:
        return Response(GOOD)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(issuer: Issuer, clock: Clock, **more: Any) -> AsyncIterator[RemoteKeys]:
    port = free_port()
    async with serving(issuer.app, port):
        keys = RemoteKeys(f"http://127.0.0.1:{port}/keys", clock=clock, **more)
        await keys.start()
        try:
            yield keys
        finally:
            await keys.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(oidc, "RETRY_SECONDS", 0.01)


async def asked_again(issuer: Issuer, times: int = 2) -> None:
    enough = issuer.asked + times
    await comes(lambda: issuer.asked >= enough)


def verifier(keys: Any) -> TokenVerifier:
    return TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, clock=lambda: NOW)


def token(issuer: DevelopmentIssuer = OURS) -> str:
    return issuer.token({"sub": "u-1", "tenant": "north", "role": "therapist"})


BAD = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"keys"',
    b"{}",
    b'{"keys": null}',
    b'{"keys": {"kty": "OKP"}}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"keys":' * 5_000,
    b" " * (MAX_BYTES + 1) + GOOD,
    b"<html>busy</html>",
]


@pytest.mark.parametrize("answer", BAD, ids=range(len(BAD)))
async def test_no_answer_ends_the_fetching(quick: None, answer: bytes) -> None:
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        first = keys.keys()
        issuer.answer = answer
        clock.now = 50.0
        await asked_again(issuer)
        assert keys.keys() is first and keys.age() >= 49.0, "the last good ones stay, and grow old"
        issuer.answer = orjson.dumps(NEXT.jwks())
        await comes(lambda: keys.keys() is not first)
        assert keys.age() == 0.0


@pytest.mark.parametrize("status", [204, 302, 401, 404, 429, 500, 503])
async def test_an_answer_of_another_status_is_no_answer(quick: None, status: int) -> None:
    issuer, clock = Issuer(), Clock()
    issuer.status, issuer.answer = status, b"" if status == 204 else GOOD
    issuer.headers = {"Location": "/elsewhere"}
    async with running(issuer, clock) as keys:
        await asked_again(issuer)
        with pytest.raises(KeysUnknown):
            keys.keys()


async def test_until_the_first_answer_it_is_asked_each_second() -> None:
    issuer, clock = Issuer(), Clock()
    issuer.answer = b"{"
    async with running(issuer, clock) as keys:
        assert keys.age() == float("inf")
        await asked_again(issuer, 1)


async def test_keys_are_trusted_for_a_day_without_a_good_answer(quick: None) -> None:
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        issuer.answer = b"{"
        await asked_again(issuer)
        checked = verifier(keys)
        clock.now = MAX_AGE_SECONDS
        checked.verify(token())
        clock.now = MAX_AGE_SECONDS + 1
        for _ in range(2):
            with pytest.raises(KeysUnknown):
                checked.verify(token())
        issuer.answer = GOOD
        await comes(lambda: keys.age() == 0.0)
        checked.verify(token())
    assert MAX_AGE_SECONDS == 24 * 3600


async def test_a_withdrawn_key_ends_what_it_signed(quick: None) -> None:
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        checked = verifier(keys)
        checked.verify(token())
        issuer.answer = orjson.dumps(NEXT.jwks())
        await asked_again(issuer)
        with pytest.raises(InvalidToken):
            checked.verify(token())
        checked.verify(token(NEXT))
        issuer.answer = b'{"keys": []}'
        await asked_again(issuer)
        with pytest.raises(KeysUnknown):
            checked.verify(token(NEXT))


async def test_an_exchanged_key_under_the_same_id_is_fetched_soon_and_seldom() -> None:
    """No token of the forger's makes the issuer be asked more than once in ten seconds."""
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        checked = verifier(keys)
        issuer.answer = orjson.dumps(NEXT.jwks())
        for _ in range(50):
            with pytest.raises(InvalidToken):
                checked.verify(token(NEXT))
            await asyncio.sleep(0)
        clock.now = DOUBT_SECONDS - 0.1
        with pytest.raises(InvalidToken):
            checked.verify(token(NEXT))
        for _ in range(20):
            await asyncio.sleep(0)
        assert issuer.asked == 1
        clock.now = DOUBT_SECONDS
        with pytest.raises(InvalidToken):
            checked.verify(token(NEXT))
        await comes(lambda: issuer.asked == 2)
        await comes(lambda: keys.age() == 0.0 and keys.keys().keys[0] != KEY)
        await comes(lambda: taken(checked))
        with pytest.raises(InvalidToken):
            checked.verify(token())


def taken(checked: TokenVerifier) -> bool:
    try:
        checked.verify(token(NEXT))
    except InvalidToken:
        return False
    return True


async def test_the_same_keys_keep_what_is_cached(quick: None) -> None:
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        first = keys.keys()
        await asked_again(issuer, 3)
        assert keys.keys() is first


def test_keys_that_are_not_understood_are_left_out() -> None:
    others = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "a"},
        {"kty": "AKP", "kid": "b"},
        {"kty": "EC", "crv": "P-256", "kid": "c"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        KEY | {"kid": "e", "use": "enc"},
        "text",
        None,
        {},
    ]
    found = key_set(orjson.dumps({"keys": [*others, KEY, KEY | {"kid": "signing", "use": "sig"}]}))
    assert [k.kid for k in found.keys] == ["dev", "signing"]
    assert key_set(orjson.dumps({"keys": others})).keys == []


@pytest.mark.parametrize(
    "url",
    ["http://login.example.org/keys", "http://10.0.0.7/keys", "http://localhost.evil.example/keys", "ftp://127.0.0.1/keys",
     "file:///etc/keys", "https://user:secret@login.example.org/keys", "login.example.org/keys", ""],
)  # fmt: skip
def test_keys_travel_by_tls_or_within_this_machine(url: str) -> None:
    with pytest.raises(UnguardedAddress):
        RemoteKeys(url)
    if url:
        deployment = Deployment(None, {"OIDC_JWKS_URL": url}, None, None, None)  # type: ignore[arg-type]
        with pytest.raises(Unwired, match="OIDC_JWKS_URL"):
            deployment.key_source()


@pytest.mark.parametrize("made", [RSAKey.generate_key(2048), ECKey.generate_key("P-256")], ids=["RSA", "EC"])
def test_keys_of_the_usual_kinds_are_taken(made: Any) -> None:
    (found,) = key_set(orjson.dumps({"keys": [made.as_dict(private=False, kid="k")]})).keys
    assert found.kid == "k"


@pytest.mark.parametrize("document", [b"[]", b"7", b"{}", b'{"keys": {}}'])
def test_what_is_no_key_set(document: bytes) -> None:
    with pytest.raises(ValueError, match="no JWKS"):
        key_set(document)


async def test_an_answer_may_have_a_quarter_of_a_megabyte() -> None:
    issuer, clock = Issuer(), Clock()
    issuer.answer = GOOD + b" " * (MAX_BYTES - len(GOOD))
    async with running(issuer, clock) as keys:
        assert keys.keys() and MAX_BYTES == 262_144


async def test_the_authority_that_is_set_is_the_one_that_counts(tmp_path: Path) -> None:
    clinic = Authority.made()
    clinic.host(tmp_path, "localhost")
    (tmp_path / "ca.pem").write_bytes(clinic.pem)
    ours = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with serving(Issuer().app, tls=tmp_path) as url:
        for tls, trusted in ((ours, True), (None, False)):
            keys = RemoteKeys(f"{url.replace('127.0.0.1', 'localhost')}/keys", tls=tls)
            await keys.start()
            await keys.stop()
            assert (keys.age() < 60) is trusted


def test_addresses_that_are_taken() -> None:
    for url in ("https://login.example.org/keys", "http://127.0.0.1:9/keys", "http://[::1]:9/keys", "http://localhost:9/keys"):
        RemoteKeys(url)


async def test_the_age_is_told_and_measured(quick: None) -> None:
    issuer, clock = Issuer(), Clock()
    async with running(issuer, clock) as keys:
        app = create_app("consent", "", new_id=lambda: UUID(int=1), checks={}, tokens=verifier(keys))
        port = free_port()
        async with serving(app, port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            assert await ready(http) == (200, {"issuer_keys": True}, "fetched 0 s ago")
            issuer.answer = b"{"
            await asked_again(issuer)
            clock.now = 3_600.0
            assert await ready(http) == (200, {"issuer_keys": True}, "fetched 3600 s ago")
            async with http.get("/metrics") as got:
                assert 'issuer_keys_age_seconds{service="consent"} 3600.0' in await got.text()
            clock.now = MAX_AGE_SECONDS + 1
            assert await ready(http) == (503, {"issuer_keys": False}, "fetched 86401 s ago")


async def ready(http: aiohttp.ClientSession) -> tuple[int, Any, str]:
    async with http.get("/health/ready") as got:
        body = await got.json()
        return got.status, body["parts"], body["told"]["issuer_keys"]


def test_keys_given_beforehand_have_no_age() -> None:
    assert verifier(StaticKeys(OURS.jwks())).keys_age() is None


@pytest.mark.parametrize(("given", "age"), [({}, MAX_AGE_SECONDS), ({"OIDC_KEYS_MAX_SECONDS": "600"}, 600.0)])
def test_the_bound_can_be_set(given: dict[str, str], age: float) -> None:
    env = {"OIDC_JWKS_URL": "https://login.example.org/keys", "OIDC_ISSUER": ISSUER, **given}
    source = Deployment(None, env, None, None, None).key_source()  # type: ignore[arg-type]
    assert isinstance(source, RemoteKeys) and source._max_age == age


def test_life_and_officers_of_the_deployment_are_set_by_the_environment() -> None:
    env = {"OIDC_ISSUER": ISSUER, "OIDC_TOKEN_MAX_SECONDS": "60", "DEPLOYMENT_OFFICERS": "olga, per"}
    tokens = Deployment(None, env, None, None, None).tokens(StaticKeys(OURS.jwks()))  # type: ignore[arg-type]
    assert (tokens._max_life, tokens._deployment_officers) == (60.0, frozenset({"olga", "per"}))
    plain = Deployment(None, {"OIDC_ISSUER": ISSUER}, None, None, None).tokens(StaticKeys(OURS.jwks()))  # type: ignore[arg-type]
    assert (plain._max_life, plain._deployment_officers) == (86_400.0, frozenset())

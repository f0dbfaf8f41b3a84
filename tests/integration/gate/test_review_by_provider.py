"""Signing in to the officers' pages by an identity provider that speaks the protocol over HTTP, and each attack on it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from yarl import URL

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.officers.adapters.identity_provider import IdentityProvider, _found
from services.audit_log.officers.application.provider import ProviderSettings
from services.audit_log.settings import Settings
from shared.http.page_forms import ATTEMPT_COOKIE
from shared.http.page_session import COOKIE
from tests.integration.gate.gate_support import World, running
from tests.integration.gate.test_review_sign_in import form_token, post
from tests.support.http import serving
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.speaking_issuer import CLIENT_ID, CLIENT_SECRET, SpeakingIssuer


@dataclass
class Door:
    """A deployment whose officers sign in by a provider."""

    url: str
    world: World
    issuer: SpeakingIssuer

    async def begin(self, jar: aiohttp.ClientSession, next_page: str = "") -> dict[str, str]:
        """What the browser is sent to the provider with."""
        query = f"?{urlencode({'next': next_page})}" if next_page else ""
        async with jar.get(f"{self.url}/review/sign-in/start{query}", allow_redirects=False) as answer:
            assert answer.status == 303
            address = urlsplit(answer.headers["Location"])
            assert f"{address.scheme}://{address.netloc}{address.path}" == f"{self.issuer.url}/authorize"
            return {k: v for k, (v,) in parse_qs(address.query).items()}

    async def comes_back(self, jar: aiohttp.ClientSession, address: str, status: int, words: str) -> None:
        """The browser follows the provider's answer: the page that it ends on, and that it holds no session."""
        async with jar.get(address) as page:
            text = await page.text()
            assert (page.status, words in text) == (status, True), (page.status, text[-900:])
            assert "code=" not in str(page.url) and "state=" not in str(page.url)
            assert all("code=" not in str(r.headers.get("Location")) for r in page.history)
        assert COOKIE not in {c.key for c in jar.cookie_jar} and ATTEMPT_COOKIE not in {c.key for c in jar.cookie_jar}

    async def refused(self, jar: aiohttp.ClientSession, status: int, words: str, sub: str = "r.ilves") -> None:
        await self.comes_back(jar, self.issuer.answer(await self.begin(jar), sub), status, words)

    async def entries(self) -> list[tuple[str, str, str]]:
        found = await self.world.service._ledger.search(self.issuer.tenant, Filters(kinds=("query",)), limit=500)
        return [(s.entry.action, s.entry.outcome, s.entry.agent) for s in found]


@pytest.fixture(scope="module")
async def opened(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    own, its = free_port(), free_port()
    url, issuer_url = f"http://127.0.0.1:{own}", f"http://localhost:{its}"
    settings = Settings(sign_in=ProviderSettings(issuer_url, CLIENT_ID, CLIENT_SECRET))
    async with running(
        postgres, tmp_path_factory.mktemp("door"), settings=settings, token_issuer=issuer_url, public_url=url
    ) as world:
        issuer = SpeakingIssuer(issuer_url, world.issuer, f"{url}/review/sign-in/callback")
        # the provider comes up after the deployment, whose pages say meanwhile that it is away
        async with serving(world.service.app, own), aiohttp.ClientSession() as early:
            async with early.get(f"{url}/review/sign-in/start") as answer:
                assert answer.status == 503 and "cannot be reached" in await answer.text()
                assert "Set-Cookie" not in answer.history[0].headers
            async with serving(issuer.app, its):
                while world.service.review._provider._endpoints is None:  # type: ignore[union-attr]
                    await asyncio.sleep(0.05)
                yield Door(url, world, issuer)


@pytest.fixture
async def door(opened: Door) -> AsyncIterator[Door]:
    """A tenant and a well-behaved provider for each test."""
    fresh = World(opened.world.service, opened.world.feed, opened.world.clock, opened.world.issuer, opened.world.bus)
    opened.issuer.faults, opened.issuer.tenant = {}, fresh.tenant
    opened.issuer.seen.clear()
    yield Door(opened.url, fresh, opened.issuer)
    opened.world.clock.ahead = timedelta()


async def test_an_officer_signs_in_and_out(door: Door, jar: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with jar.get(f"{door.url}/review/entries/0?x=1") as page:
        text = await page.text()
        assert page.url.query["next"] == "/review/entries/0?x=1" and "Sign in with your identity provider" in text
        assert "form-action 'self'" in page.headers["Content-Security-Policy"], "nothing is let in or out for the provider"
    asked = await door.begin(jar, "/review/entries/0?x=1")
    assert asked["redirect_uri"] == f"{door.url}/review/sign-in/callback" and asked["code_challenge_method"] == "S256"
    async with jar.get(door.issuer.answer(asked, "r.ilves"), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/review/signed-in?next=%2Freview%2Fentries%2F0%3Fx%3D1")
        set_cookies = answer.headers.getall("Set-Cookie")
    (session,) = [c for c in set_cookies if c.startswith(f"{COOKIE}=")]
    assert "HttpOnly" in session and "SameSite=strict" in session
    assert any(c.startswith(f'{ATTEMPT_COOKIE}=""') for c in set_cookies), "an attempt is taken once"
    async with jar.get(f"{door.url}/review/signed-in?next=/review/search") as page:
        assert 'content="0; url=/review/search"' in await page.text()
    (form,) = door.issuer.seen
    assert asked["code_challenge"] not in form.values() and len(form["code_verifier"]) == 43
    async with jar.get(f"{door.url}/review/") as page:
        assert page.status == 200 and page.url.path == "/review/"
    assert ("sign-in", "permit", "r.ilves") in await door.entries()
    secret_words = [form["code"], form["code_verifier"], session.split("=")[1].split(";")[0], asked["state"], asked["nonce"]]
    ours = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("aiohttp"))
    assert not [w for w in secret_words if w in ours]
    fields = {"form_token": await form_token(jar, f"{door.url}/review/")}
    leaving = await post(jar, f"{door.url}/review/sign-out", fields)
    assert leaving.headers["Location"] == "/review/sign-in?left=1" and COOKIE not in {c.key for c in jar.cookie_jar}
    async with jar.get(f"{door.url}/review/sign-in?left=1") as page:
        text = await page.text()
    (link,) = [part.split('"')[0] for part in text.split('href="') if part.startswith(door.issuer.url)]
    async with jar.get(link.replace("&amp;", "&")) as page:
        assert str(page.url) == f"{door.url}/review/sign-in", "the provider's session ended, and it led back"
    assert door.issuer.left[-1]["client_id"] == CLIENT_ID
    assert ("sign-out", "permit", "r.ilves") in await door.entries()


async def test_somebody_else_is_told_so_and_it_is_an_entry(door: Door, jar: aiohttp.ClientSession) -> None:
    await door.refused(jar, 403, "These pages are for compliance officers", "t.rivera")
    assert await door.entries() == [("sign-in", "deny", "t.rivera")]


async def test_another_state(door: Door, jar: aiohttp.ClientSession) -> None:
    asked = await door.begin(jar)
    address = door.issuer.answer(asked | {"state": asked["nonce"]}, "r.ilves")
    await door.comes_back(jar, address, 400, "not begun in this browser")
    assert not door.issuer.seen, "its code went nowhere"


async def test_an_answer_given_twice(door: Door, jar: aiohttp.ClientSession) -> None:
    """By the browser, by somebody who kept the cookie too, and with a new code for the same attempt."""
    asked = await door.begin(jar)
    (kept,) = [c.value for c in jar.cookie_jar if c.key == ATTEMPT_COOKIE]
    address = door.issuer.answer(asked, "r.ilves")
    async with jar.get(address, allow_redirects=False) as answer:
        assert answer.headers["Location"].startswith("/review/signed-in")
    jar.cookie_jar.clear()
    await door.comes_back(jar, address, 400, "not begun in this browser")
    for again in (address, door.issuer.answer(asked, "r.ilves")):
        jar.cookie_jar.update_cookies({ATTEMPT_COOKIE: kept}, answer.url.origin())
        await door.comes_back(jar, again, 400, "not begun in this browser")
    assert len(door.issuer.seen) == 1


async def test_a_code_that_was_used(door: Door, jar: aiohttp.ClientSession) -> None:
    """The provider's own rule, which the page tells of."""
    asked = await door.begin(jar)
    async with jar.get(door.issuer.answer(asked, "r.ilves"), allow_redirects=False):
        (used,) = [c for c in door.issuer.codes if door.issuer.codes[c].used and door.issuer.codes[c].asked == asked]
    jar.cookie_jar.clear()
    door.issuer.faults = {"answer": {"code": used}}
    await door.refused(jar, 400, "does not take this sign-in any more")


async def test_a_code_injected_from_another_attempt(door: Door, jar: aiohttp.ClientSession) -> None:
    """PKCE: a fresh code that was made for somebody else's challenge is not redeemed by this browser's verifier."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as other:
        theirs = parse_qs(urlsplit(door.issuer.answer(await door.begin(other), "r.ilves")).query)["code"][0]
    door.issuer.faults = {"answer": {"code": theirs}}
    await door.refused(jar, 400, "does not take this sign-in any more")


async def test_an_answer_for_another_browser(door: Door, jar: aiohttp.ClientSession) -> None:
    """Nobody is signed in as the attacker by a link: the attempt lies in the attacker's browser."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as attacker:
        address = door.issuer.answer(await door.begin(attacker), "r.ilves")
    await door.comes_back(jar, address, 400, "not begun in this browser")
    await door.begin(jar)
    await door.comes_back(jar, address, 400, "not begun in this browser")
    jar.cookie_jar.update_cookies({ATTEMPT_COOKIE: "AAAA" * 30}, URL(door.url))
    await door.comes_back(jar, address, 400, "not begun in this browser")
    assert not door.issuer.seen


@pytest.mark.parametrize(
    "claims",
    [
        {"identity": {"nonce": None}},
        {"identity": {"nonce": "A" * 43}},
        {"identity": {"iss": "http://localhost:1"}},
        {"identity": {"aud": "alliance-record"}},
        {"identity": {"aud": [CLIENT_ID, "another"]}},
        {"identity": {"azp": "another"}},
        {"identity": {"exp": 1}},
        {"identity": {"sub": "t.rivera"}},
        {"access": {"iss": "http://localhost:1"}},
        {"access": {"aud": CLIENT_ID}},
        {"access": {"aud": "account"}},
        {"access": {"exp": 1}},
        {"access": {"role": "queen"}},
        {"access": {"tenant": None}},
    ],
    ids=str,
)
async def test_a_token_that_does_not_hold(door: Door, jar: aiohttp.ClientSession, claims: dict[str, Any]) -> None:
    door.issuer.faults = claims
    await door.refused(jar, 401, "does not hold for this deployment")
    assert await door.entries() == []


@pytest.mark.parametrize("iss", ["http://localhost:1", None, ""])
async def test_an_answer_of_another_issuer(door: Door, jar: aiohttp.ClientSession, iss: str | None) -> None:
    """RFC 9207 against mix-up; this provider promises to name itself, so saying nothing is another's answer too."""
    door.issuer.faults = {"answer": {"iss": iss}}
    await door.refused(jar, 400, "did not come from this deployment")
    assert not door.issuer.seen, "the code was not taken to anybody"


async def test_a_parameter_that_stands_there_twice(door: Door, jar: aiohttp.ClientSession) -> None:
    address = door.issuer.answer(await door.begin(jar), "r.ilves")
    await door.comes_back(jar, f"{address}&state=x", 400, "not begun in this browser")


async def test_an_attempt_that_took_too_long(door: Door, jar: aiohttp.ClientSession) -> None:
    address = door.issuer.answer(await door.begin(jar), "r.ilves")
    door.world.clock.ahead = timedelta(minutes=10, seconds=1)
    await door.comes_back(jar, address, 400, "longer than ten minutes")
    assert not door.issuer.seen


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/review/",
        "//evil.example/review/",
        "/\\evil.example",
        "/review//evil.example",
        "/review/../v1/audit/entries",
        "/review/%2e%2e/x",
        "javascript:alert(1)",
        "/review/\r\nSet-Cookie: a=b",
        "/v1/audit/entries",
        "/review/sign-in/callback?code=x",
    ],
)
async def test_it_leads_nowhere_else(door: Door, jar: aiohttp.ClientSession, asked: str) -> None:
    async with jar.get(f"{door.url}/review/signed-in?{urlencode({'next': asked})}") as page:
        assert 'content="0; url=/review/"' in await page.text()
    address = door.issuer.answer(await door.begin(jar, asked), "r.ilves")
    async with jar.get(address, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/review/signed-in?next=%2Freview%2F"


async def test_the_provider_refuses(door: Door, jar: aiohttp.ClientSession) -> None:
    said = {"code": None, "error": "access_denied", "error_description": "<b>call 555</b>"}
    door.issuer.faults = {"answer": said}
    address = door.issuer.answer(await door.begin(jar), "r.ilves")
    await door.comes_back(jar, address, 403, "did not sign you in")
    async with jar.get(f"{door.url}/review/sign-in?refused=%3Cb%3Ecall") as page:
        assert page.status == 200 and "call" not in await page.text()


@pytest.mark.parametrize("status", [401, 404, 500, 200])
async def test_the_provider_does_not_answer_as_it_should(door: Door, jar: aiohttp.ClientSession, status: int) -> None:
    door.issuer.faults = {"status": status}
    await door.refused(jar, 503, "Nobody was signed in")
    assert await door.entries() == []


async def test_the_provider_is_away(door: Door, jar: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    address = door.issuer.answer(await door.begin(jar), "r.ilves")
    provider = door.world.service.review._provider
    assert provider is not None and provider._endpoints is not None
    monkeypatch.setattr(provider, "_endpoints", replace(provider._endpoints, token=f"http://127.0.0.1:{free_port()}/token"))
    await door.comes_back(jar, address, 503, "cannot be reached")
    assert await door.entries() == []


async def test_a_token_that_no_cookie_holds(door: Door, jar: aiohttp.ClientSession) -> None:
    door.issuer.faults = {"access": {"groups": "x" * 4_000}}
    await door.refused(jar, 422, "too long for a browser")
    assert await door.entries() == []


async def test_another_site_begins_nothing(door: Door, jar: aiohttp.ClientSession) -> None:
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        async with jar.get(f"{door.url}/review/sign-in/start", headers=headers, allow_redirects=False) as answer:
            assert (answer.headers["Location"], "Set-Cookie" in answer.headers) == ("/review/sign-in", False)


async def test_a_pasted_token_is_still_taken(door: Door, jar: aiohttp.ClientSession) -> None:
    token = door.world.token("co-weiss", "compliance_officer", iss=door.issuer.url)
    fields = {"form_token": await form_token(jar, f"{door.url}/review/sign-in"), "token": token, "next": "//evil.example"}
    answer = await post(jar, f"{door.url}/review/sign-in", fields)
    assert (answer.status, answer.headers["Location"]) == (303, "/review/")


@pytest.mark.parametrize(
    "faults", [{"configured_issuer": "http://localhost:1"}, {"methods": ["plain"]}, {"token_endpoint": "http://issuer.example/t"}]
)
async def test_a_configuration_that_cannot_be_used(opened: Door, faults: dict[str, Any]) -> None:
    opened.issuer.faults = {}
    provider = IdentityProvider(ProviderSettings(opened.issuer.url, CLIENT_ID))
    status, good = await provider._ask("GET", f"{opened.issuer.url}/.well-known/openid-configuration")
    assert status == 200 and _found(opened.issuer.url, good) is not None
    opened.issuer.faults = faults
    status, bad = await provider._ask("GET", f"{opened.issuer.url}/.well-known/openid-configuration")
    assert _found(opened.issuer.url, bad) is None

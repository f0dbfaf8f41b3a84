"""`make run`: the officers' pages by one click, by the code flow of the development issuer, and what that issuer refuses."""

from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from tests.e2e.embedded import EmbeddedProcess

START = "/review/sign-in/start"


@pytest.fixture
async def jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)


async def test_one_click_is_enough(embedded: EmbeddedProcess, jar: aiohttp.CookieJar) -> None:
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{embedded.url}/review/") as page:
            assert START in await page.text()
        async with browser.get(f"{embedded.url}{START}?next=/review/search") as page:
            assert page.url.path == "/review/signed-in"
            codes = [q["code"][0] for r in page.history if "code" in (q := parse_qs(urlsplit(str(r.url)).query))]
        async with browser.get(f"{embedded.url}/review/") as page:
            assert page.status == 200 and "R. Ilves" in await page.text()
    assert len(codes) == 1 and codes[0] not in embedded.log()


async def test_what_the_development_issuer_refuses(embedded: EmbeddedProcess, jar: aiohttp.CookieJar) -> None:
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        async with browser.get(f"{embedded.url}{START}", allow_redirects=False) as answer:
            address = answer.headers["Location"]
        path, _, query = address.partition("?")
        asked = {k: v for k, (v,) in parse_qs(query).items()}
        for wrong in ({"redirect_uri": "https://evil.example/"}, {"client_id": "x"}, {"code_challenge_method": "plain"}):
            async with browser.get(f"{path}?{urlencode(asked | wrong)}", allow_redirects=False) as answer:
                assert answer.status == 400
        async with browser.get(address, allow_redirects=False) as answer:
            code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "client_id": asked["client_id"], "redirect_uri": asked["redirect_uri"]}
        form |= {"code": code, "code_verifier": "A" * 43}
        for _ in range(2):  # a wrong verifier spends the code
            async with browser.post(f"{embedded.url}/dev/redeem", data=form) as answer:
                assert (answer.status, await answer.json()) == (400, {"error": "invalid_grant"})

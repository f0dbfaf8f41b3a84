"""Officers sign in by a real Keycloak under TLS, with the realm that the compose profile imports."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.settings import Settings
from shared.http.page_session import COOKIE
from shared.identity.oidc import RemoteKeys
from tests.integration.gate.gate_support import World, running
from tests.support.http import serving
from tests.support.keycloak import Keycloak, home, keycloak
from tests.support.ports import free_port
from tests.support.postgres import Postgres

PASSWORD = "correct horse battery staple"


@dataclass
class Clinic:
    url: str
    world: World
    keycloak: Keycloak


@pytest.fixture(scope="module")
async def clinic(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    home()
    folder, port = tmp_path_factory.mktemp("keycloak"), free_port()
    url = f"http://127.0.0.1:{port}"
    with keycloak(folder, url) as running_keycloak:
        keys = RemoteKeys(f"{running_keycloak.issuer}/protocol/openid-connect/certs", tls=running_keycloak.tls())
        await keys.start()
        settings = Settings.from_environment(
            {
                "OIDC_ISSUER": running_keycloak.issuer,
                "OIDC_CA_FILE": str(running_keycloak.authority),
                "PUBLIC_URL": url,
                "AUDIT_LOG_SIGN_IN_CLIENT_ID": "review-pages",
                "AUDIT_LOG_SIGN_IN_SECRET_FILE": str(folder / "secrets/audit-log/sign-in-secret"),
            }
        )
        async with (
            running(
                postgres, folder, settings=settings, token_issuer=running_keycloak.issuer, public_url=url, token_keys=keys
            ) as world,
            serving(world.service.app, port),
        ):
            await asyncio.to_thread(
                running_keycloak.add_person, "r.ilves", PASSWORD, tenant=world.tenant, role="compliance_officer"
            )
            await asyncio.to_thread(running_keycloak.add_person, "t.rivera", PASSWORD, tenant=world.tenant, role="therapist")
            yield Clinic(url, world, running_keycloak)
        await keys.stop()


@pytest.fixture
async def browser(clinic: Clinic) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=clinic.keycloak.tls())
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), connector=connector) as session:
        yield session


async def signed_in(clinic: Clinic, browser: aiohttp.ClientSession, name: str) -> aiohttp.ClientResponse:
    """The page that the browser ends on."""
    async with browser.get(f"{clinic.url}/review/sign-in/start") as login:
        form = re.search(r'action="([^"]+)"', await login.text())
        assert form is not None and login.status == 200
    return await browser.post(html.unescape(form[1]), data={"username": name, "password": PASSWORD})


async def test_an_officer_signs_in_by_keycloak(clinic: Clinic, browser: aiohttp.ClientSession) -> None:
    page = await signed_in(clinic, browser, "r.ilves")
    assert (page.status, page.url.path) == (200, "/review/signed-in"), await page.text()
    answer = next(r for r in page.history if "/callback" in str(r.url))
    assert parse_qs(answer.url.query_string)["iss"] == [clinic.keycloak.issuer], "RFC 9207"
    async with browser.get(f"{clinic.url}/review/") as today:
        assert today.status == 200 and clinic.world.tenant in await today.text()
    (entry,) = await clinic.world.service._ledger.search(clinic.world.tenant, Filters(actions=("sign-in",)))
    assert entry.entry.outcome == "permit" and entry.entry.agent_role == "compliance_officer"
    async with browser.get(f"{clinic.url}/review/sign-in?left=1") as door:
        link = re.search(r'href="(https://localhost[^"]+)"', await door.text())
    assert link is not None
    async with browser.get(html.unescape(link[1])) as leaving:
        assert leaving.status == 200 and urlsplit(str(leaving.url)).path.endswith(("/logout", "/sign-in"))


async def test_a_therapist_does_not(clinic: Clinic, browser: aiohttp.ClientSession) -> None:
    page = await signed_in(clinic, browser, "t.rivera")
    assert (page.status, page.url.query.get("refused")) == (403, "role")
    assert COOKIE not in {c.key for c in browser.cookie_jar}


async def test_keycloak_asks_for_pkce_and_leads_nowhere_else(clinic: Clinic, browser: aiohttp.ClientSession) -> None:
    async with browser.get(f"{clinic.url}/review/sign-in/start", allow_redirects=False) as answer:
        address = answer.headers["Location"]
    without = re.sub(r"&code_challenge(_method)?=[^&]*", "", address)
    async with browser.get(without, allow_redirects=False) as answer:
        assert "error=invalid_request" in answer.headers["Location"]
    async with browser.get(address.replace("callback", "elsewhere"), allow_redirects=False) as answer:
        assert answer.status == 400

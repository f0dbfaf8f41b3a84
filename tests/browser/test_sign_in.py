"""An officer signs in by an identity provider of another site, in a real browser, wide and narrow."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import expect

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.officers.application.provider import ProviderSettings
from services.audit_log.settings import Settings
from tests.browser.conftest import Browse
from tests.integration.gate.gate_support import World, running
from tests.support.browser import needed
from tests.support.http import serving
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.speaking_issuer import CLIENT_ID, CLIENT_SECRET, SpeakingIssuer


@dataclass
class Practice:
    url: str
    world: World
    issuer: SpeakingIssuer


@pytest.fixture(scope="module")
async def practice(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Practice]:
    """`localhost` and `127.0.0.1` are two sites to a browser: SameSite holds as between a clinic and its provider."""
    needed()
    own, its = free_port(), free_port()
    url, issuer_url = f"http://127.0.0.1:{own}", f"http://localhost:{its}"
    settings = Settings(sign_in=ProviderSettings(issuer_url, CLIENT_ID, CLIENT_SECRET))
    folder = tmp_path_factory.mktemp("practice")
    async with running(postgres, folder, settings=settings, token_issuer=issuer_url, public_url=url) as world:
        issuer = SpeakingIssuer(issuer_url, world.issuer, f"{url}/review/sign-in/callback", tenant=world.tenant)
        async with serving(issuer.app, its), serving(world.service.app, own):
            yield Practice(url, world, issuer)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
async def test_an_officer_signs_in_and_lands_where_they_wanted_to(
    practice: Practice, browse: Browse, width: int, dark: bool
) -> None:
    watched = await browse(width=width, dark=dark)
    page = watched.page
    await page.goto(f"{practice.url}/review/search?action=sign-in")
    await page.wait_for_url("**/review/sign-in?next=*")
    assert await watched.violations() == [] and await watched.widest() <= 0
    button = page.get_by_role("link", name="Sign in with your identity provider")
    box = await button.bounding_box()
    assert box is not None and box["height"] >= 40
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    await button.click()
    await page.get_by_label("Name").fill("r.ilves")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{practice.url}/review/search?action=sign-in")
    await expect(page.locator(".officer")).to_contain_text("r.ilves")
    assert not [u for u in visited if u.startswith(practice.url) and ("code=" in u or "state=" in u)]
    (session,) = [c for c in await watched.context.cookies(practice.url) if c["name"] == "page_session"]
    assert session["httpOnly"] and session["sameSite"] == "Strict"
    signed_in = await practice.world.service._ledger.search(practice.world.tenant, Filters(actions=("sign-in",)))
    assert signed_in[0].entry.detail["query"] == {"by": "provider"}
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("status")).to_contain_text("You have signed out here.")
    assert await watched.violations() == [] and await watched.widest() <= 0
    await page.get_by_role("link", name="sign out there as well").click()
    await page.wait_for_url(f"{practice.url}/review/sign-in")
    assert practice.issuer.left


@pytest.mark.parametrize("width", [1280, 360])
async def test_somebody_else_is_told_so(practice: Practice, browse: Browse, width: int) -> None:
    watched = await browse(width=width)
    page = watched.page
    await page.goto(f"{practice.url}/review/sign-in")
    await page.get_by_role("link", name="Sign in with your identity provider").click()
    await page.get_by_label("Name").fill("t.rivera")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("you signed in as somebody else")
    assert await watched.violations() == [] and await watched.widest() <= 0
    assert page.url == f"{practice.url}/review/sign-in?refused=role"
    # a 403 is what the console complains of, and nothing else
    assert all("403" in c for c in watched.complaints)
    watched.complaints.clear()

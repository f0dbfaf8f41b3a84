"""A client's own pages: signed in, read, decided, left; on a telephone and a desk, light and dark, in two languages."""

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from services.ehr_gateway.client_pages.domain.catalogue import FOLDER
from shared.http.page_session import COOKIE
from shared.service.clock import now
from tests.browser.clinic import Clinic
from tests.browser.conftest import Browse, Picture, sound
from tests.support.browser import Watched

PAGES = ("", "access", "agreements", "notes", "ratings")


async def signed_in(watched: Watched, clinic: Clinic, token: str = "") -> None:
    """As `/dev/people` does it: the demo's client, or whose token it is."""
    token = token or clinic.token("noor.haddad", "client", "Noor Haddad", client_id=clinic.demo.client_id)
    host = urlsplit(clinic.url).hostname or ""
    await watched.context.add_cookies([{"name": COOKIE, "value": token, "domain": host, "path": "/", "sameSite": "Strict"}])
    await watched.page.goto(f"{clinic.url}/me/")


@pytest.mark.parametrize(("width", "dark"), [(360, False), (390, True), (1280, False)])
async def test_every_page_is_sound(clinic: Clinic, browse: Browse, picture: Picture, width: int, dark: bool) -> None:
    watched = await browse(width=width, dark=dark)
    await signed_in(watched, clinic)
    for page in PAGES:
        answer = await watched.page.goto(f"{clinic.url}/me/{page}")
        assert answer is not None and answer.status == 200
        await sound(watched, f"/me/{page} at {width}")
        assert len(await answer.body()) < 100_000
        await picture(watched, f"me-{page or 'overview'}-{width}-{'dark' if dark else 'light'}")


async def test_withdrawing_takes_as_many_steps_as_agreeing(clinic: Clinic, browse: Browse) -> None:
    """GDPR 7(3): one button each, on the same page."""
    intake = clinic.token("front.desk", "intake", "Front desk", tenant="another")
    _, client = await clinic.call("POST", "/v1/clients", intake, {"name": "Ida Berg", "birth_date": "1988-05-06"})
    form = {
        "client_id": client["id"],
        "kind": "telehealth",
        "grantor": {"role": "client", "name": "Ida Berg"},
        "policy": {"base": "permit", "provisions": []},
        "period": {"start": "2026-01-01"},
        "elements": {},
    }
    status, made = await clinic.call("POST", "/v1/consents", intake, form)
    assert status == 201 and made["missing"] == ["signature"]
    watched = await browse(width=390)
    await signed_in(watched, clinic, clinic.token("ida.berg", "client", "Ida Berg", tenant="another", client_id=client["id"]))
    page = watched.page
    await page.goto(f"{clinic.url}/me/agreements")
    await page.click("text=I agree")
    assert "in force" in await page.inner_text("[role=status]")
    card = page.locator("li.card", has_text="Sessions by video or telephone")
    await card.get_by_role("button", name="Withdraw").click()
    assert "Withdrawn" in await page.inner_text("[role=status]")
    _, now = await clinic.call("GET", f"/v1/consents/{made['id']}", intake)
    assert now["status"] == "revoked"


async def test_who_may_see_ratings_is_chosen_and_holds(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(width=390)
    await signed_in(watched, clinic)
    page = watched.page
    await page.goto(f"{clinic.url}/me/ratings")
    assert "10 ratings, from 44 at first to 47 at last" in await page.inner_text("figcaption")
    await page.check("input[value=withheld]")
    await page.click("text=Save")
    assert "Saved" in await page.inner_text("[role=status]")
    assert await page.is_checked("input[value=withheld]")
    therapist = clinic.token("lena.marsh", "therapist", "Dr. Lena Marsh")
    _, seen = await clinic.call("GET", f"/v1/clients/{clinic.demo.client_id}/alliance?instrument=wai-sr", therapist)
    assert seen["released"] is False
    await page.goto(f"{clinic.url}/me/ratings")
    await page.check("input[value=immediate]")
    await page.click("text=Save")
    assert "Saved" in await page.inner_text("[role=status]")


async def test_a_held_note_is_told_of_with_its_end_alone(clinic: Clinic, browse: Browse) -> None:
    """45 CFR 171: that something is held and until when, never what or why."""
    therapist = clinic.token("lena.marsh", "therapist", "Dr. Lena Marsh")
    until = (now() + timedelta(days=3)).isoformat()
    hold = {"exception": "privacy", "reason": "It names somebody else.", "until": until}
    status, placed = await clinic.call("POST", f"/v1/notes/{clinic.demo.note_id}/holds", therapist, hold)
    assert status == 201
    watched = await browse(width=390)
    await signed_in(watched, clinic)
    await watched.page.goto(f"{clinic.url}/me/notes")
    shown = await watched.page.inner_text("main")
    assert f"held back until {until[:10]}" in shown and "closeness" not in shown and "somebody else" not in shown
    await sound(watched, "held")
    status, _ = await clinic.call("DELETE", f"/v1/notes/{clinic.demo.note_id}/holds/{placed['id']}", therapist)
    assert status in (200, 204)


async def test_who_looked_is_told_and_ones_own_looks_are_folded(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(width=1280)
    await signed_in(watched, clinic)
    await watched.page.goto(f"{clinic.url}/me/access")
    assert await watched.page.locator("details:not([open])", has_text="My own looks").count() == 1
    while "Dr. Tomas Weil" not in (shown := await watched.page.inner_text("main")):
        await watched.page.click("text=Older")  # a page holds fifty looks, the client's own among them
    assert "Dr. Tomas Weil (therapist)" in shown


async def test_the_language_follows_the_browser_and_can_be_changed(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(width=390)
    await signed_in(watched, clinic)
    page = watched.page
    await page.click("text=Deutsch")
    assert "Guten Tag" in await page.inner_text("h1")
    await sound(watched, "German")
    await page.click("text=English")
    assert "Hello" in await page.inner_text("h1")


async def test_leaving_is_one_click_and_leaves_nothing(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(width=390)
    await signed_in(watched, clinic)
    await watched.page.click("text=Leave and clear this browser")
    assert "keeps nothing" in await watched.page.inner_text("[role=status]")
    assert await watched.context.cookies() == []
    answer = await watched.page.goto(f"{clinic.url}/me/notes")
    assert answer is not None and answer.status == 401
    await sound(watched, "signed out")
    watched.complaints.clear()  # the browser reports the 401 that was asked for


async def test_a_form_of_another_site_changes_nothing(clinic: Clinic) -> None:
    token = clinic.token("noor.haddad", "client", "Noor Haddad", client_id=clinic.demo.client_id)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}):
        sent = {"Cookie": f"{COOKIE}={token}", **headers}
        async with clinic.session.post(f"{clinic.url}/me/ratings", data={"therapist": "withheld"}, headers=sent) as answer:
            assert answer.status == 403
    _, kept = await clinic.call("GET", f"/v1/clients/{clinic.demo.client_id}/alliance/release", token)
    assert kept["therapist"] == "immediate"


@pytest.mark.parametrize("role", ["therapist", "compliance_officer", "intake"])
async def test_they_are_the_clients_alone(clinic: Clinic, role: str) -> None:
    cookie = {"Cookie": f"{COOKIE}={clinic.token('somebody', role)}"}
    async with clinic.session.get(f"{clinic.url}/me/", headers=cookie) as answer:
        assert answer.status == 403 and "for clients" in await answer.text()


def test_every_language_has_every_text_with_the_same_blanks() -> None:
    found = {file.stem: json.loads(file.read_text()) for file in Path(FOLDER).glob("*.json")}
    assert {"en", "de"} <= found.keys()
    for language, texts in found.items():
        assert texts.keys() == found["en"].keys(), language
        for key, text in texts.items():
            blanks = {part.split("}")[0] for part in text.split("{")[1:]}
            assert blanks == {part.split("}")[0] for part in found["en"][key].split("{")[1:]}, (language, key)


async def test_the_demos_people_are_buttons(clinic: Clinic, browse: Browse) -> None:
    watched = await browse(width=390)
    await watched.page.goto(f"{clinic.url}/dev/people")
    await sound(watched, "people")
    await watched.page.click("text=Be a therapist who does not know the client")
    await watched.page.wait_for_url("**/dev/console")
    await sound(watched, "console")
    await watched.page.click("text=Read the note")
    await expect(watched.page.locator("#said")).to_contain_text("404")
    watched.complaints.clear()

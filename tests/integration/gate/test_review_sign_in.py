"""Signing in to the officers' pages without a browser: who gets in, what a cookie is good for, and what a form must carry."""

import re
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action
from shared.http.page_session import COOKIE
from tests.integration.gate.gate_support import World
from tests.support.ledger import entry

OURS = {"Sec-Fetch-Site": "same-origin"}
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'"


async def form_token(jar: aiohttp.ClientSession, page: str) -> str:
    async with jar.get(page) as answer:
        found = re.search(r'name="form_token" value="([0-9a-f]{64})"', await answer.text())
        assert found is not None
        return found[1]


async def post(jar: aiohttp.ClientSession, url: str, fields: dict[str, str], **headers: str) -> aiohttp.ClientResponse:
    return await jar.post(url, data=fields, headers=headers or OURS, allow_redirects=False)


async def sign_in(jar: aiohttp.ClientSession, site: str, token: str, **headers: str) -> aiohttp.ClientResponse:
    fields = {"form_token": await form_token(jar, f"{site}/review/sign-in"), "token": token}
    return await post(jar, f"{site}/review/sign-in", fields, **headers)


async def looks(world: World) -> list[Any]:
    return [s.entry for s in await world.service._ledger.search(world.tenant, Filters(kinds=("query",)))]


async def test_an_officer_gets_a_cookie_that_no_script_reads(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    answer = await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
    assert answer.status == 303 and answer.headers["Location"] == "/review/"
    (cookie,) = [c for c in answer.headers.getall("Set-Cookie") if c.startswith(f"{COOKIE}=")]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    async with jar.get(f"{site}/review/") as page:
        assert page.status == 200 and page.headers["Content-Security-Policy"].startswith(STRICT)
        assert "unsafe" not in page.headers["Content-Security-Policy"] and page.headers["Audit-Entry"].isdigit()
        assert page.headers["Cache-Control"] == "no-store"
    assert [e.action for e in await looks(world)] == ["view-today", "sign-in"]


@pytest.mark.parametrize("role", ["therapist", "supervisor", "intake", "administrator", "ehr_system"])
async def test_nobody_else_gets_in(world: World, site: str, jar: aiohttp.ClientSession, role: str) -> None:
    token = world.token("x", role)
    answer = await sign_in(jar, site, token)
    assert answer.status == 403 and COOKIE not in {c.key for c in jar.cookie_jar}
    # also with a cookie made by hand; each refusal is an entry
    jar.cookie_jar.update_cookies({COOKIE: token}, answer.url.origin())
    async with jar.get(f"{site}/review/search") as page:
        assert page.status == 403
    refused = [(e.action, e.outcome, e.agent) for e in await looks(world)]
    assert refused == [("search-ledger", "deny", "x"), ("sign-in", "deny", "x")]


async def test_without_a_token_that_holds_there_is_the_door(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    for path in ("/review/", "/review/search", "/review/entries/0", "/review/search.csv"):
        async with jar.get(site + path, allow_redirects=False) as answer:
            after = f"?next={quote(path, safe='')}" if path != "/review/" else ""
            assert (answer.status, answer.headers["Location"]) == (303, f"/review/sign-in{after}"), path
    assert (await sign_in(jar, site, "nothing.of.value")).status == 401
    async with jar.get(f"{site}/review/entries/0/proof", headers={"Sec-Fetch-Dest": "empty"}) as answer:
        assert answer.status == 401


async def test_a_form_of_another_site_or_session_changes_nothing(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    officer = world.token("co-weiss", "compliance_officer")
    assert (await sign_in(jar, site, officer, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await sign_in(jar, site, officer, Origin="https://elsewhere.example")).status == 403
    assert (await sign_in(jar, site, officer, Accept="*/*")).status == 403, "neither header: an old browser says its Origin"
    assert (await sign_in(jar, site, officer, Origin=site)).status == 303
    for fields in ({}, {"form_token": "0" * 64}, {"form_token": await form_token(jar, f"{site}/review/sign-in")}):
        assert (await post(jar, f"{site}/review/verification", fields)).status == 403
    good = {"form_token": await form_token(jar, f"{site}/review/")}
    assert (await post(jar, f"{site}/review/verification", good, **{"Sec-Fetch-Site": "same-site"})).status == 403
    assert "verify-ledger" not in {e.action for e in await looks(world)}
    assert (await post(jar, f"{site}/review/verification", good)).status == 303


async def test_signing_out_ends_it(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
    fields = {"form_token": await form_token(jar, f"{site}/review/")}
    assert (await post(jar, f"{site}/review/sign-out", fields)).headers["Location"] == "/review/sign-in"
    assert COOKIE not in {c.key for c in jar.cookie_jar}


async def test_an_export_is_complete_and_leaves_its_digest(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await world.usual()
    await world.note()
    await sign_in(jar, site, world.token("=cmd", "compliance_officer"))
    async with jar.get(f"{site}/review/search.csv") as answer:
        lines = (await answer.text()).splitlines()
    times = [line.split(",")[1] for line in lines[1:]]
    assert answer.headers["Export-Span"] == f"{min(times)}/{max(times)}", "what the page's bar goes by"
    assert times == sorted(times, reverse=True)
    assert lines[0].split(",")[:4] == ["index", "at", "kind", "agent"] and len({line.count(",") for line in lines}) == 1
    assert all(",=cmd" not in line for line in lines) and any("'=cmd" in line for line in lines)
    finished = next(e for e in await looks(world) if e.action == "exported-ledger")
    assert finished.detail["rows"] == len(lines) - 1 and len(finished.detail["query"]["sha256"]) == 64


async def test_bad_questions_are_told_on_the_page(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
    async with jar.get(f"{site}/review/search?from=2026-13-01&client_id=x<script>") as page:
        text = await page.text()
        assert page.status == 200 and "<b>from</b>" in text and "<b>client_id</b>" in text and "x<script>" not in text
    for path, status in (("/review/entries/999999", 404), ("/review/entries/x", 404), ("/review/search?cursor=zz", 422)):
        async with jar.get(site + path) as page:
            assert (page.status, page.content_type) == (status, "text/html"), path


async def test_a_word_that_fits_very_many_people_is_refused_rather_than_half_searched(
    world: World, site: str, jar: aiohttp.ClientSession
) -> None:
    made = [entry(n, agent=f"t-{n}", agent_name=f"Dr. {n} Example", at=world.clock.now()) for n in range(201)]
    await world.service._ledger.append(world.tenant, made)
    await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))
    async with jar.get(f"{site}/review/search?agent=example") as page:
        text = await page.text()
        assert page.status == 200 and "it fits more than 200 people: write more of the name" in text and "hit" not in text
        assert page.headers["Audit-Entry"].isdigit()
    async with jar.get(f"{site}/review/search.csv?agent=example") as page:
        assert page.status == 422
    async with jar.get(f"{site}/review/search?agent=dr.+17+exa") as page:
        assert (await page.text()).count('class="hit"') == 1


async def test_whatever_people_are_called_is_text(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await world.usual()
    hostile = '"><script>alert(1)</script>'
    ref, _ = await world.note()
    await world.ask(world.token(f"x{hostile}", "therapist", name=hostile), Action.READ, ref)
    await sign_in(jar, site, world.token("co-weiss", "compliance_officer", name=hostile))
    for path in ("/review/", "/review/search", "/review/entries/5", "/review/pictures", "/review/snooping"):
        async with jar.get(site + path) as page:
            text = await page.text()
            assert page.status == 200 and "<script>alert" not in text and "&lt;script&gt;alert" in text, path


async def test_what_was_typed_into_a_search_does_not_stand_in_the_log(
    world: World, site: str, jar: aiohttp.ClientSession
) -> None:
    """A client's name, typed into any field; of a person, the log keeps whom it found."""
    await world.usual()
    ref, _ = await world.note()
    await world.ask(world.token("t-okafor", "therapist", name="Zoë Okafor"), Action.READ, ref)
    officer = world.token("co-weiss", "compliance_officer")
    await sign_in(jar, site, officer)
    headers = {"Authorization": f"Bearer {officer}", "Prefer": "handling=lenient"}
    for path in (
        "/review/search?client_id=Noor+Haddad&agent=Noor+Haddad",
        "/review/search?agent=Noor+Haddad&record_id=Noor+Haddad",
        "/review/search.csv?agent=Noor+Haddad",
        "/v1/audit/entries?agent=Noor+Haddad&record_id=Noor+Haddad",
        "/v1/audit/exports/activity?agent=Noor+Haddad",
        "/fhir/R4/AuditEvent?agent=Noor+Haddad&purpose=TREAT&name=Noor+Haddad",
        "/fhir/R4/AuditEvent?_id=Noor+Haddad",
        "/fhir/R4/AuditEvent/Noor%20Haddad",
        "/review/search?agent=okafor",
        "/v1/audit/entries?agent=zo%C3%AB+okafor",
        "/v1/audit/entries?agent=t-rivera",
    ):
        async with jar.get(site + path, headers=headers) as page:
            assert page.status in (200, 404), (path, await page.text())
            await page.read()
    asked = [e.detail.get("query", {}) for e in await looks(world)]
    assert "Haddad" not in str(asked) and {"faulty": ["client_id"]} in asked
    assert asked[:3] == [{"agent": ["t-rivera"]}, {"agent": ["t-okafor"]}, {"agent": ["t-okafor"]}]

"""Every look at the officers' pages is an entry: each route that answers a GET is walked, and none is forgotten."""

from collections.abc import Iterator
from typing import Any

import aiohttp
from fastapi.routing import APIRoute
from yarl import URL

from services.audit_log.ledger.application.ledger_view import Filters
from shared.contracts.disclosure import Action
from shared.http.page_session import COOKIE
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_handing_over import lettered
from tests.integration.gate.test_review_sign_in import sign_in
from tests.integration.gate.test_reviews import granted

SHOW_NOTHING = {
    "/review": "leads to Today",
    "/review/sign-in": "the door",
    "/review/sign-in/start": "the door",
    "/review/sign-in/callback": "the door",
    "/review/signed-in": "leads on",
    "/review/static/{version}/{name}": "the same for everybody",
}
"""pages that say nothing of the log"""


def pages(world: World) -> Iterator[str]:
    for router in world.service.review.routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if "GET" in (route.methods or ()) and route.path not in SHOW_NOTHING:
                yield route.path


async def test_each_page_leaves_its_entry(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await world.usual()
    ref, _ = await world.note()
    await lettered(world, site)
    await world.ask(world.token("t-okafor", "therapist"), Action.READ, ref)
    grant = await granted(site, world)
    looked = {
        "/review/": ("view-today", ""),
        "/review/search": ("search-ledger", f"?client_id={world.client}"),
        "/review/search.csv": ("export-ledger", ""),
        "/review/entries/{index}": ("explain-entry", ""),
        "/review/entries/{index}/proof": ("prove-entry", ""),
        "/review/pictures": ("view-pictures", ""),
        "/review/pictures/{name}.csv": ("view-pictures", ""),
        "/review/pictures/clients/{client_id}": ("view-timeline", ""),
        "/review/pictures/clients/{client_id}/timeline.csv": ("view-timeline", ""),
        "/review/snooping": ("view-snooping", ""),
        "/review/snooping/person": ("view-person", "?sub=t-okafor"),
        "/review/break-glass/{grant_id}": ("view-review", ""),
        "/review/reports": ("view-reports", ""),
        "/review/strict-readings": ("view-strict-readings", ""),
        "/review/law": ("view-law", ""),
        "/review/accounting": ("view-accounting", f"?client_id={world.client}"),
        "/review/accounting/document": (
            "hand-out-accounting-of-disclosures",
            f"?client_id={world.client}&report=accounting-of-disclosures",
        ),
        "/review/reports/{report}": ("export-access-report", f"?client_id={world.client}"),
    }
    assert sorted(looked) == sorted(pages(world)), "a page came or went: say here which entry a look at it leaves"
    assert (await sign_in(jar, site, world.token("co-weiss", "compliance_officer"))).status == 303
    values = {"index": "0", "name": "hours", "report": "access-report", "client_id": world.client, "grant_id": grant["id"]}
    for path, (action, query) in looked.items():
        before = await newest(world)
        async with jar.get(site + path.format(**values) + query) as answer:
            assert answer.status == 200, (path, await answer.read())
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], path
        entry = await world.service._ledger.entry(world.tenant, int(answer.headers["Audit-Entry"]))
        assert entry.index > before, path
        assert (entry.entry.action, entry.entry.outcome, entry.entry.agent) == (action, "permit", "co-weiss"), path
        if world.client in answer.url.path or "client_id" in query:
            assert entry.entry.client_id == world.client, "a look at one client is found by the client"


async def test_each_page_refuses_others_and_says_so_in_the_log(world: World, site: str, jar: aiohttp.ClientSession) -> None:
    await world.usual()
    values = {"index": "0", "name": "hours", "report": "access-report", "client_id": world.client, "grant_id": world.client}
    jar.cookie_jar.update_cookies({COOKIE: world.token("t-rivera", "therapist")}, URL(site))
    for path in pages(world):
        before = await newest(world)
        async with jar.get(
            site + path.format(**values) + f"?sub=t-okafor&client_id={world.client}&report=access-report"
        ) as answer:
            assert answer.status == 403, path
        entry = await world.service._ledger.entry(world.tenant, int(answer.headers["Audit-Entry"]))
        assert entry.index > before and (entry.entry.outcome, entry.entry.agent) == ("deny", "t-rivera"), path


async def newest(world: World) -> int:
    found: list[Any] = await world.service._ledger.search(world.tenant, Filters(), limit=1)
    return int(found[0].index) if found else -1

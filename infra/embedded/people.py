"""`/dev/people`: the demo clinic's people as buttons: whoever clicks one is that person. In development, on loopback alone."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from infra.demo.caller import TENANT
from infra.embedded.demo import OFFICER
from shared.http.body import raw_body
from shared.http.cookies import cookie
from shared.http.page_session import COOKIE
from shared.identity.development import LIFETIME_SECONDS, DevelopmentIssuer

PEOPLE: Final = "/dev/people"
CONSOLE: Final = "/dev/console"
SCRIPT: Final = "/dev/console.js"
_HERE: Final = Path(__file__).parent / "pages"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    title: str
    sees: str
    leads_to: str
    claims: Mapping[str, str]


DEMO: Final[Mapping[str, DemoPerson]] = {
    "client": DemoPerson(
        "the client Noor Haddad",
        "Her own pages: who read her record, what she agreed to, her notes and ratings, and who may see them.",
        "/me/",
        {"sub": "noor.haddad", "name": "Noor Haddad", "role": "client"},
    ),
    "officer": DemoPerson(
        "the compliance officer R. Ilves",
        "The officers' pages: what wants a look today, every access with its reason, and a proof of it.",
        "/review/",
        {k: v for k, v in OFFICER.items() if k != "tenant"},
    ),
    "therapist": DemoPerson(
        "the therapist Dr. Lena Marsh",
        "The interface that record systems use: her notes, and the course of the alliance with its strain and repair.",
        CONSOLE,
        {"sub": "lena.marsh", "name": "Dr. Lena Marsh", "role": "therapist"},
    ),
    "stranger": DemoPerson(
        "a therapist who does not know the client",
        "The same questions as Dr. Marsh, and what a refusal looks like.",
        CONSOLE,
        {"sub": "ada.rivera", "name": "Dr. Ada Rivera", "role": "therapist"},
    ),
}


def people_pages(issuer: DevelopmentIssuer, demo_file: Path) -> dict[str, Router]:
    """Paths → what answers there. `demo_file`: the demo clinic's ids, once it is made."""

    def ids() -> dict[str, str]:
        found: dict[str, str] = json.loads(demo_file.read_text()) if demo_file.exists() else {}
        return found

    async def people(_: Request) -> Response:
        cards = "".join(
            f'<li><form method="post" action="{PEOPLE}"><button name="person" value="{key}">'
            f"Be {html.escape(one.title)}</button></form>"
            f"<p>{html.escape(one.sees)}</p></li>"
            for key, one in DEMO.items()
        )
        return _page("people.html", {"cards": cards})

    async def be(request: Request) -> Response:
        form = dict(parse_qsl((await raw_body(request, 1_024)).decode("ascii", "replace")))
        one = DEMO.get(form.get("person", ""))
        if one is None or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return RedirectResponse(PEOPLE, 303)
        response = RedirectResponse(one.leads_to, 303)
        response.set_cookie(COOKIE, issuer.token(_claims(one, ids())), max_age=LIFETIME_SECONDS, httponly=True, samesite="strict")
        return response

    async def console(request: Request) -> Response:
        token = cookie(request.scope["headers"], COOKIE) or ""
        found = ids()
        asks = "".join(
            f'<li><button class="quiet" data-path="{html.escape(path.format(**found))}">{html.escape(said)}</button></li>'
            for said, path in _ASKS.items()
            if found
        )
        return _page("console.html", {"asks": asks, "token": html.escape(token)})

    async def script(_: Request) -> Response:
        return Response((_HERE / "console.js").read_bytes(), media_type="text/javascript")

    routes = [Route(PEOPLE, people), Route(PEOPLE, be, methods=["POST"]), Route(CONSOLE, console), Route(SCRIPT, script)]
    router = Router(routes)
    return dict.fromkeys((PEOPLE, CONSOLE, SCRIPT), router)


_ASKS: Final = {
    "Who am I?": "/v1/me",
    "Read the note": "/v1/notes/{note_id}",
    "The course of the alliance": "/v1/clients/{client_id}/alliance?instrument=wai-sr",
    "My clients": "/v1/clients",
    "My worklist": "/v1/worklist",
    "Who read this record?": "/v1/audit/clients/{client_id}/access-report",
}


def _claims(one: DemoPerson, ids: Mapping[str, str]) -> dict[str, Any]:
    claims: dict[str, Any] = {**one.claims, "tenant": TENANT}
    return claims | ({"client_id": ids["client_id"]} if one.claims["role"] == "client" and ids else {})


def _page(name: str, values: Mapping[str, str]) -> Response:
    text = (_HERE / name).read_text()
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})

"""The pages a person meets first: what this is, each service's OpenAPI reference, what a problem means. No address outside."""

import html
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from services.ehr_gateway.domain.problem_help import PROBLEMS
from shared.contracts.records import ServiceName
from shared.http.problems import not_found

_PAGES: Final = Path(__file__).parent / "pages"
_CSP: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_SERVICES: Final[dict[ServiceName, str]] = {
    ServiceName.CONSENT: "Informed consent as a process: propose, explain, sign, revoke; who works with whom, and until when.",
    ServiceName.SESSION_NOTES: "Clients, sessions, progress notes and psychotherapy notes; drafts, signatures, addenda.",
    ServiceName.ALLIANCE: "Instruments, administrations, scores; strain and repair; who may see the client's ratings.",
    ServiceName.AUDIT_LOG: "The gate, the keys and the ledger: who opened what, for what, with a proof; erasure by two people.",
    ServiceName.EHR_GATEWAY: "Discovery for EHR systems: FHIR capability, SMART configuration, these pages.",
}


def _page(title: str, body: str, *, script: str = "") -> Response:
    document = (_PAGES / "frame.html").read_text()
    document = document.replace("{{title}}", html.escape(title)).replace("{{body}}", body).replace("{{script}}", script)
    return HTMLResponse(document, headers={"Content-Security-Policy": _CSP, "Referrer-Policy": "no-referrer"})


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    @routes.get("/docs")
    async def home() -> Response:
        cards = "".join(
            f'<li><a href="/docs/{name}"><strong>{name}</strong></a><p>{html.escape(text)}</p>'
            f'<p class="small"><a href="/openapi/{name}.json">OpenAPI document</a></p></li>'
            for name, text in _SERVICES.items()
        )
        return _page("Alliance Record", (_PAGES / "home.html").read_text().replace("{{cards}}", cards))

    @routes.get("/docs/{service}")
    async def reference(service: str) -> Response:
        if service not in set(ServiceName):
            raise not_found()
        body = f'<p><a href="/docs">All services</a></p><main id="reference" data-openapi="/openapi/{service}.json">'
        body += "<p>Loading the reference …</p></main>"
        return _page(service, body, script='<script src="/site/reference.js" defer></script>')

    @routes.get("/site/{file_name}")
    async def asset(file_name: str) -> Response:
        name, _, kind = file_name.rpartition(".")
        file = _PAGES / file_name
        if kind not in _TYPES or not name.isalpha() or not file.is_file():
            raise not_found()
        return Response(file.read_bytes(), media_type=_TYPES[kind], headers={"Cache-Control": "max-age=300"})

    @routes.get("/favicon.ico")
    async def mark() -> Response:
        kept = {"Cache-Control": "max-age=86400"}
        return Response((_PAGES / "mark.svg").read_bytes(), media_type="image/svg+xml", headers=kept)

    @routes.get("/problems/{slug}")
    async def problem(slug: str) -> Response:
        if slug not in PROBLEMS:
            raise not_found()
        title, text = PROBLEMS[slug]
        return _page(title, f"<main><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></main>")

    return routes

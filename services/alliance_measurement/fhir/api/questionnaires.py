"""`/fhir/R4/Questionnaire`: the instruments, for everybody with a token. No client's data is in them, so no gate is asked."""

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, bound_to
from services.alliance_measurement.fhir.api.questionnaire_search import SEARCH, holds
from services.alliance_measurement.fhir.domain.questionnaire import questionnaire
from services.alliance_measurement.instruments.domain.catalogue import Catalogue
from shared.http.fhir import FHIR_RESPONSES, FhirResponse, FhirRoute, preferred, respond
from shared.http.fhir_search import Pairs, count_in, form_pairs, understood
from shared.http.problems import not_found

BASE: Final = "/fhir/R4"


def questionnaire_routes(surface: Surface, catalogue: Catalogue, *, public_url: str) -> APIRouter:
    routes = APIRouter(
        tags=["fhir"], prefix=BASE, route_class=FhirRoute, responses=FHIR_RESPONSES, default_response_class=FhirResponse
    )
    base = f"{public_url}{BASE}"

    @routes.get("/Questionnaire")
    async def search(request: Request) -> Response:
        """Questionnaires by id, without a total; `next` is a search of its own."""
        return searched(request, request.query_params.multi_items())

    @routes.post("/Questionnaire/_search")
    async def search_by_form(request: Request) -> Response:
        """The same search, with its parameters out of the address."""
        return searched(request, await form_pairs(request))

    @routes.get("/Questionnaire/{questionnaire_id}")
    async def read(request: Request, questionnaire_id: str) -> Response:
        """An instrument with its items. Their text stands in it where its licence lets everybody read it."""
        surface.call(request)
        entry = catalogue.entry(questionnaire_id)
        shown = None if entry is None else questionnaire(entry, base)
        if shown is None:
            raise not_found("There is no such Questionnaire.")
        return respond(request, shown)

    def searched(request: Request, sent: Pairs) -> Response:
        call = surface.call(request)
        pairs = understood(sent, SEARCH, lenient=preferred(request)[1])
        count = count_in(pairs)
        query = urlencode([(k, v) for k, v in pairs if k != "cursor"])
        bound = bound_to(call, "fhir", "Questionnaire", query)
        found = [shown for entry in catalogue if (shown := questionnaire(entry, base)) and holds(shown, pairs)]
        start = surface.start(request, bound) or 0
        links = [{"relation": "self", "url": f"{base}/Questionnaire?{query}"}]
        if start + count < len(found):
            more = urlencode({"cursor": surface.cursors.encode(start + count, bound_to=bound)})
            links.append({"relation": "next", "url": f"{base}/Questionnaire?{query}{'&' if query else ''}{more}"})
        return respond(request, _bundle(links, found[start : start + count]))

    return routes


def _bundle(links: list[dict[str, str]], page: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"fullUrl": each["url"], "resource": each, "search": {"mode": "match"}} for each in page]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, **({"entry": entries} if entries else {})}

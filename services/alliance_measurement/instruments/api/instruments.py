"""`/v1/instruments`"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.alliance_measurement.desk.api.surface import Surface, respond
from services.alliance_measurement.instruments.domain.catalogue import Catalogue, Entry
from shared.http.problems import not_found


def instrument_routes(surface: Surface, catalogue: Catalogue, constants: Mapping[str, Mapping[str, Any]]) -> APIRouter:
    """`constants`: of the rules of strain, by instrument, as they are shown."""
    router = APIRouter(tags=["instruments"])

    @router.get("/v1/instruments")
    async def every(request: Request) -> Response:
        """Every instrument, the disabled ones with their reason."""
        surface.call(request)
        return respond({"items": [_summary(entry) for entry in catalogue], "next": None})

    @router.get("/v1/instruments/{instrument_id}")
    async def one(request: Request, instrument_id: str) -> Response:
        """Key, range, missing rule, cut-offs with their citations and marks, licence state, and text where it is free."""
        surface.call(request)
        entry = catalogue.entry(instrument_id)
        if entry is None:
            raise not_found("There is no such instrument: see GET /v1/instruments.")
        return respond(_whole(entry, constants.get(instrument_id)))

    return router


def _summary(entry: Entry) -> dict[str, Any]:
    summary: dict[str, Any] = {"id": entry.id, "enabled": entry.disabled is None, "disabled_reason": entry.disabled}
    instrument = entry.instrument
    if instrument is None:
        return summary
    return summary | {
        "name": instrument.name,
        "construct": str(instrument.measures),
        "items": instrument.scale.items,
        "min": instrument.scale.min,
        "max": instrument.scale.max,
        "scores": [s.id for s in instrument.scores],
        "key_mark": str(instrument.key_mark),
        "licence": instrument.licence.model_dump(mode="json"),
        "text": instrument.text is not None,
    }


def _whole(entry: Entry, rules: Mapping[str, Any] | None) -> dict[str, Any]:
    whole: dict[str, Any] = {"id": entry.id, "enabled": entry.disabled is None, "disabled_reason": entry.disabled}
    if entry.instrument is not None:
        whole |= entry.instrument.model_dump(mode="json", by_alias=True)
    if rules is not None:
        whole["strain"] = dict(rules)
    return whole

"""What the reference says of policies and periods in a body: lists of codes and an example, which stored forms do not carry."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, WithJsonSchema

from services.consent.domain.periods import GivenPeriod
from shared.contracts.codes import ACTIONS, LABELS, PURPOSES, RESOURCE_TYPES, ROLES
from shared.http.body import inlined
from shared.values.time import A_DAY, AN_INSTANT, OUT_OF_RANGE

_TIME: Final = {"description": f"{A_DAY}, or {AN_INSTANT}; {OUT_OF_RANGE}", "examples": ["2026-03-01"]}
_LISTS: Final = {
    "roles": ROLES,
    "purposes": PURPOSES,
    "actions": ACTIONS,
    "resource_types": RESOURCE_TYPES,
    "labels": LABELS,
}


def described(model: type[BaseModel]) -> WithJsonSchema:
    schema = inlined(model)
    _describe(schema)
    return WithJsonSchema(schema)


def _describe(schema: Any) -> None:
    if isinstance(schema, list):
        for each in schema:
            _describe(each)
    if not isinstance(schema, dict):
        return
    for name, below in schema.get("properties", {}).items():
        if name in _LISTS:
            below["items"] = below["items"] | {"enum": sorted(_LISTS[name])}
        elif name == "start":
            below |= _TIME
        elif name == "end":
            below["anyOf"] = [each | _TIME if each.get("type") == "string" else each for each in below["anyOf"]]
    for below in schema.values():
        _describe(below)


PeriodGiven = Annotated[GivenPeriod, described(GivenPeriod)]

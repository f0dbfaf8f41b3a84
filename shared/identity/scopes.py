"""SMART App Launch 2 scopes: what a token's client may do with a resource type, before the gate decides about its caller.

`system/Consent.rs` (v2: letters of c, r, u, d, s, in that order) and `patient/*.read` (v1: read, write, *). A v2 scope with a
query part (`…rs?category=…`) limits in a way that is not evaluated here, so it grants nothing. `shared.contracts.smart_scopes`
says which of them each route and each request to the gate takes.
"""

import re
from collections.abc import Iterable
from typing import Final

from shared.contracts.disclosure import Action, DisclosureRequest
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.contracts.smart_scopes import ACTIONS, RECORDS, ROUTES
from shared.identity.principal import Principal

_SCOPE: Final = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.([a-z]+|\*)")
_LIMITING: Final = ("patient/", "user/", "system/")
"""how a SMART scope begins; one that is misspelt limits as well, and grants nothing"""
_V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_LETTERS: Final = re.compile(r"c?r?u?d?s?")
_CONVERTER: Final = re.compile(r":[a-z]{1,8}\}")


def limited(scopes: Iterable[str]) -> bool:
    """Whether a token with these scopes is limited by them. `openid`, `profile` and others do not limit."""
    return any(scope.casefold().startswith(_LIMITING) for scope in scopes)


def granted(scopes: Iterable[str], resource: str, letter: str, *, own_record: bool) -> bool:
    """Whether the scopes allow `letter` (c, r, u, d or s) on that resource type; `*` is every type.

    A token that carries no SMART scope is not limited by them. `own_record`: the token is a client's or representative's, which
    alone `patient/` scopes speak of.
    """
    held = tuple(scopes)
    if not limited(held):
        return True
    return any(
        m[2] in (resource, "*") and letter in _letters(m[3]) and (m[1] != "patient" or own_record)
        for m in map(_SCOPE.fullmatch, held)
        if m is not None
    )


def route_granted(principal: Principal, method: str, template: str) -> bool:
    """Whether the token's scopes cover a route, by its path template (`/v1/consents/{consent_id}`). A route that no table names
    is open to no token that SMART scopes limit."""
    if not limited(principal.scopes):
        return True
    wanted = ROUTES.get(route_name(method, template))
    own = principal.client_id is not None
    return wanted is not None and all(
        granted(principal.scopes, resource, letter, own_record=own)
        for resource, _, letters in (each.partition(".") for each in wanted)
        for letter in letters
    )


def needed(method: str, template: str) -> tuple[str, ...]:
    """What a route takes, for people to read; empty where no SMART scope opens it."""
    return ROUTES.get(route_name(method, template)) or ()


def route_name(method: str, template: str) -> str:
    """As the table and the OpenAPI documents name a route."""
    return f"{method} {_CONVERTER.sub('}', template)}"


def request_granted(scopes: Iterable[str], *, own_record: bool, service: ServiceName, request: DisclosureRequest) -> bool:
    """Whether the token's scopes cover what `service` asks of the gate: each record, or, of a search that found none, one type
    of that service's."""
    held, letters = tuple(scopes), ACTIONS[request.action]
    if not limited(held):
        return True
    if request.action is Action.EXPORT:
        return all(granted(held, "*", letter, own_record=own_record) for letter in letters)
    types = {RECORDS[record.record_type] for record in request.records}
    if request.action is Action.LOOKUP:
        types = {RECORDS[RecordType.CLIENT]}
    if not types:
        owned = {RECORDS[kind] for kind, row in RECORD_TYPES.items() if row.owner is service}
        return any(granted(held, kind, "s", own_record=own_record) for kind in owned)
    return all(any(granted(held, kind, letter, own_record=own_record) for letter in letters) for kind in types)


def _letters(permission: str) -> str:
    known = _V1.get(permission)
    if known is not None:
        return known
    return permission if _LETTERS.fullmatch(permission) else ""

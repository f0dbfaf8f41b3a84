"""Query parameters of the ledger's pages. A `to` date includes that day; an unknown parameter is refused, never passed over."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from starlette.requests import Request

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import OUTCOMES, EntryKind
from services.audit_log.ledger.domain.entry_actions import ENTRY_ACTIONS
from shared.contracts.codes import PURPOSES as CODES_OF_PURPOSE
from shared.contracts.codes import named
from shared.http.problems import Fault, invalid
from shared.http.query import query_faults
from shared.values.time import begin_of, end_of, is_day

PAGING: Final = ("limit", "cursor")
PARAMETERS: Final = {
    "client_id": "UUID of a client",
    "agent": "`sub` of a person or system, `job:<name>`, or a staff member's name in any case",
    "from": "first day (YYYY-MM-DD, UTC) or instant (RFC 3339)",
    "to": "last day, which is included, or instant",
    "action": "what was done: an action of the gate; of a query its own name; of an erasure its step",
    "outcome": "permit, deny or done",
    "purpose": "v3-ActReason code",
    "record_id": "id of a record that the entry names",
    "kind": ", ".join(EntryKind),
}
ENUMERATED: Final[dict[str, Collection[str]]] = {
    "action": ENTRY_ACTIONS,
    "outcome": OUTCOMES,
    "purpose": CODES_OF_PURPOSE,
    "kind": frozenset(map(str, EntryKind)),
}
"""parameters that take one code of a list"""
T = TypeVar("T")


def filters_of(request: Request) -> Filters:
    """422 with every fault."""
    faults = query_faults(request, (*PARAMETERS, *PAGING))
    take = _Taker(request, faults)
    since = take("from", _since, "a day (2026-03-01) or an instant with its zone (2026-03-01T08:00:00Z)")
    until = take("to", _until, "a day (2026-03-31), which is included, or an instant with its zone")
    if since is not None and until is not None and since >= until:
        faults.append(Fault("?to", "not before `from`"))
    kind = take("kind", EntryKind, named(EntryKind))
    action = take("action", lambda text: _one_of(ENTRY_ACTIONS, text), named(ENTRY_ACTIONS))
    filters = Filters(
        client_id=take("client_id", lambda text: str(UUID(text)), "a UUID"),
        agent=take("agent", _text, "1 to 200 characters"),
        since=since,
        until=until,
        outcome=take("outcome", lambda text: _one_of(OUTCOMES, text), named(OUTCOMES)),
        purpose=take("purpose", lambda text: _one_of(CODES_OF_PURPOSE, text), named(CODES_OF_PURPOSE)),
        record_id=take("record_id", _text, "1 to 200 characters"),
        kinds=() if kind is None else (kind.value,),
        actions=() if action is None else (action,),
    )
    if faults:
        raise invalid(faults)
    return filters


def documented_parameters(*names: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its query itself."""
    texts = PARAMETERS | {"limit": "1 to 200, 50 by default", "cursor": "`next` of the page before"}
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": texts[name],
                "schema": {"type": "string", **({"enum": sorted(ENUMERATED[name])} if name in ENUMERATED else {})},
            }
            for name in names
        ]
    }


class _Taker:
    def __init__(self, request: Request, faults: list[Fault]) -> None:
        self._request, self._faults = request, faults

    def __call__(self, name: str, read: Callable[[str], T], expected: str) -> T | None:
        values = self._request.query_params.getlist(name)
        if not any(values):
            return None  # `?agent=` asks for everybody
        try:
            if len(values) > 1:
                raise ValueError
            return read(values[0])
        except (ValueError, OverflowError):
            self._faults.append(Fault(f"?{name}", expected))
            return None


def _since(text: str) -> datetime:
    return begin_of(_unescaped(text))


def _until(text: str) -> datetime:
    """Exclusive end: the next midnight for a day, a microsecond later for an instant."""
    return end_of(text) if is_day(text) else end_of(_unescaped(text)) + timedelta(microseconds=1)


def _unescaped(text: str) -> str:
    return text.replace(" ", "+")  # an unescaped plus arrives as a space


def _one_of(known: Collection[str], text: str) -> str:
    if text not in known:
        raise ValueError
    return text


def _text(text: str) -> str:
    if not 0 < len(text) <= 200 or "\x00" in text:
        raise ValueError
    return text

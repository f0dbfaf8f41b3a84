"""Query parameters of the ledger's pages. A `to` date includes that day; an unknown parameter is refused, never passed over."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from starlette.requests import Request

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import EntryKind
from shared.http.problems import Fault, invalid

PAGING: Final = ("limit", "cursor")
PARAMETERS: Final = {
    "client_id": "UUID of a client",
    "agent": "`sub` of a person or system, `job:<name>`, or a staff member's name in any case",
    "from": "first day (YYYY-MM-DD, UTC) or instant (RFC 3339)",
    "to": "last day, which is included, or instant",
    "action": "create, read, search, update, sign, cosign, answer, revoke, compute, export, lookup; of a query its own name",
    "outcome": "permit, deny or done",
    "purpose": "v3-ActReason code",
    "record_id": "id of a record that the entry names",
    "kind": ", ".join(EntryKind),
}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
T = TypeVar("T")


def filters_of(request: Request) -> Filters:
    """422 with every fault."""
    faults = unknown_parameters(request, (*PARAMETERS, *PAGING))
    take = _Taker(request, faults)
    since = take("from", _since, "a day (2026-03-01) or an instant with its zone (2026-03-01T08:00:00Z)")
    until = take("to", _until, "a day (2026-03-31), which is included, or an instant with its zone")
    if since is not None and until is not None and since >= until:
        faults.append(Fault("?to", "not before `from`"))
    kind = take("kind", EntryKind, PARAMETERS["kind"])
    action = take("action", _code, "the name of an action")
    filters = Filters(
        client_id=take("client_id", lambda text: str(UUID(text)), "a UUID"),
        agent=take("agent", _text, "1 to 200 characters"),
        since=since,
        until=until,
        outcome=take("outcome", _outcome, "permit, deny or done"),
        purpose=take("purpose", _code, "a v3-ActReason code, such as TREAT"),
        record_id=take("record_id", _text, "1 to 200 characters"),
        kinds=() if kind is None else (kind.value,),
        actions=() if action is None else (action,),
    )
    if faults:
        raise invalid(faults)
    return filters


def unknown_parameters(request: Request, known: Iterable[str]) -> list[Fault]:
    allowed = set(known)
    return [Fault(f"?{name[:64]}", "no such parameter here") for name in request.query_params if name not in allowed]


def paging_only(request: Request) -> None:
    if faults := unknown_parameters(request, PAGING):
        raise invalid(faults)


def no_parameters(request: Request) -> None:
    if faults := unknown_parameters(request, ()):
        raise invalid(faults)


def documented_parameters(*names: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its query itself."""
    texts = PARAMETERS | {"limit": "1 to 200, 50 by default", "cursor": "`next` of the page before"}
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": texts[name], "schema": {"type": "string"}}
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
    return _midnight(text) if _DAY.fullmatch(text) else _instant(text)


def _until(text: str) -> datetime:
    """Exclusive end: the next midnight for a day, a microsecond later for an instant."""
    return _midnight(text) + timedelta(days=1) if _DAY.fullmatch(text) else _instant(text) + timedelta(microseconds=1)


def _midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def _instant(text: str) -> datetime:
    if "T" not in text.upper():
        raise ValueError
    at = datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped plus arrives as a space
    if at.tzinfo is None:
        raise ValueError
    return at.astimezone(UTC)


def _outcome(text: str) -> str:
    if text not in ("permit", "deny", "done"):
        raise ValueError
    return text


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError
    return text


def _text(text: str) -> str:
    if not 0 < len(text) <= 200 or "\x00" in text:
        raise ValueError
    return text

"""Query and path parameters: a route knows those that its OpenAPI description lists, and refuses the rest.

FHIR paths have rules of their own (R4, Search: 400, `Prefer: handling=lenient`) and are not checked here.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request

from shared.entry.text import broken
from shared.http.problems import Fault, invalid

PAGING: Final[list[dict[str, Any]]] = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}},
    {"name": "cursor", "in": "query", "description": "`next` of the page before", "schema": {"type": "string"}},
]
CLIENT_ID: Final[dict[str, Any]] = {
    "name": "client_id",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
CLIENT_LIST: Final[list[dict[str, Any]]] = [CLIENT_ID, *PAGING]
"""OpenAPI parameters of a list of one client's records"""
_CHECKED: Final = ("/v1/", "/log/")
T = TypeVar("T")


async def known_parameters(request: Request) -> None:
    """A dependency of every route. 422 for query parameters that the route's description does not list, that are given twice,
    or whose text is broken; the detail lists those it knows."""
    route = request.scope.get("route")
    path: str = getattr(route, "path", "")
    if not path.startswith(_CHECKED) or not getattr(route, "include_in_schema", False):
        return
    listed = (getattr(route, "openapi_extra", None) or {}).get("parameters", ())
    faults = query_faults(request, [p["name"] for p in listed if p["in"] == "query"])
    faults += [Fault(f"path:{n}", f"must not hold {why}") for n, v in request.path_params.items() if (why := broken(str(v)))]
    if faults:
        raise invalid(faults)


def query_faults(request: Request, known: Collection[str]) -> list[Fault]:
    """What is wrong with the query of a route that knows these parameters."""
    try:
        pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        return [Fault("?", "the query is not UTF-8, percent-encoded")]
    allowed = f"known are {', '.join(known)}" if known else "no parameters are known"
    faults: list[Fault] = []
    seen: set[str] = set()
    for name, value in pairs:
        if name not in known:
            faults.append(Fault(f"?{name[:64]}" if broken(name) is None else "?", f"not known here: {allowed}"))
        elif name in seen:
            faults.append(Fault(f"?{name}", "given more than once: send it once"))
        elif why := broken(value):
            faults.append(Fault(f"?{name}", f"must not hold {why}"))
        seen.add(name)
    return faults


def parameter(request: Request, name: str, read: Callable[[str], T], default: T) -> T:
    """The parameter as `read` reads it, `default` where it is absent. 422 with the words of its ValueError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return read(text)
    except ValueError as error:
        raise invalid([Fault(f"?{name}", str(error))]) from None


def client_of(request: Request) -> UUID:
    """`?client_id=`. 422 without a UUID there."""
    try:
        return UUID(request.query_params.get("client_id", ""))
    except ValueError:
        raise invalid([Fault("?client_id", "the client's id, a UUID")]) from None

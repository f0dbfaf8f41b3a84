"""The same requests in two worlds, by every route that reads. Routes come from the OpenAPI documents; what is asked of each is
in the tables here: a parameter that is not in them is a KeyError."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Answer, Person
from tests.e2e.worlds import Told, World, told

SERVICES: Final = ("consent", "session_notes", "alliance_measurement", "audit_log", "ehr_gateway")
FHIR: Final = "/fhir/R4"
FORM: Final = "application/x-www-form-urlencoded"
TRIES: Final = 3
"""of a request after which one ledger grew by more: what runs by itself may have entered something meanwhile"""
PAGES: Final = 40
"""pages of one list that are followed"""
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "client_id": ("{client}", "{other client}", "{unknown client}"),
    "id": ("{client}", "{other client}", "{unknown client}"),
    "consent_id": ("{consent}", "{unknown consent}"),
    "record_id": ("{consent}", "{rating}", "{private note}"),
    "note_id": ("{note}", "{private note}"),
    "session_id": ("{session}", "{unknown session}"),
    "administration_id": ("{questionnaire}", "{rating}"),
    "outcome_id": ("{outcome}",),
    "grant_id": ("{grant}", "{unknown grant}"),
    "provenance_id": ("{consent}-1", "{unknown consent}-1"),
    "version_id": ("1",),
    "instrument_id": ("wai-sr",),
    "questionnaire_id": ("wai-sr",),
    "erasure_id": ("{unknown client}",),
    "index": ("{hidden entry}",),
    "report": ("access-report", "accounting-of-disclosures", "activity"),
    "tenant": ("{tenant}",),
    "level": ("0",),
    "path": ("000",),
    "moment_id": ("{moment}", "{closed moment}"),
    "plan_id": ("{plan}", "{unknown plan}"),
    "event_id": ("{hidden entry}", "{hidden entry}-decision", "{boundary}"),
    "effect_id": ("{effect}",),
    "concern_id": ("{concern}", "{unknown concern}"),
}
"""values of what stands in a path; `{…}` is an id of the world, or of nothing where the other world alone has it"""
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "client_id": ("{client}", "{unknown client}"),
    "limit": ("1",),
    "cursor": (),
    "after": ("0",),
    "tenant": ("{tenant}",),
    "measure": ("gaf",),
    "instrument": ("wai-sr",),
    "status": ("open", "all", "answered"),
    "agent": ("{therapist}",),
    "from": (),
    "to": (),
    "action": ("search", "read"),
    "outcome": ("permit", "deny"),
    "purpose": ("TREAT", "THREAT"),
    "record_id": ("{note}", "{private note}"),
    "kind": ("disclosure", "query"),
    "therapist_id": ("me",),
    "attendance": ("attended", "no_show"),
    "at": (),
}
SEARCHES: Final[Mapping[str, tuple[str, ...]]] = {
    f"{FHIR}/Consent": ("patient={client}", "patient={unknown client}", "patient={client}&_count=1"),
    f"{FHIR}/Questionnaire": ("", "_id=wai-sr,phq-9", "status=active&_count=1"),
    f"{FHIR}/Provenance": ("target=Consent/{consent}", "patient={client}"),
    f"{FHIR}/AuditEvent": (
        "patient={client}",
        *(f"patient={{client}}&{more}" for more in (
            "outcome=0", "outcome=8", "action=E", "agent={therapist}", "purpose=TREAT", "_count=1",
            "entity=urn:uuid:{note}", "entity=urn:uuid:{private note}",
        )),
    ),
}  # fmt: skip
"""FHIR's searches are not in the OpenAPI documents"""
BODIES: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "/v1/clients/search": (
        {"name": "Noor Haddad", "birth_date": "1991-04-03"},
        {"name": "Hidden Person", "birth_date": "1955-05-05"},
        {"name": "Nobody Atall", "birth_date": "1955-05-05"},
    ),
    "/v1/notes/search": ({"words": "harbour"}, {"words": "lighthouse"}),
}
PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {"nurse": ("BTG",), "stranger": ("", "BTG"), "intake": ("", "BTG")}
"""what they claim; the others nothing"""


async def size_of(world: World) -> int:
    """Entries of the log, with the one of this look."""
    return (await world.story.officer.get("/v1/audit/alarms?limit=1")).entries[0]


async def answers(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, worlds: list[World], person: str
) -> AsyncIterator[tuple[str, Told, Told]]:
    """The same requests in both worlds; what was asked, and what each told."""
    async for path, verb, route in _routes(embedded, session):
        for purpose in PURPOSES.get(person, ("",)):
            headers = {"X-Purpose-Of-Use": purpose} if purpose else {}
            for first, more in _askings(verb, path, route):
                found = [pair async for pair in _followed(session, worlds, person, first, headers)]
                if any(one.status == 200 or other.status == 200 for _, one, other in found):
                    for asking in more:
                        found += [pair async for pair in _followed(session, worlds, person, asking, headers)]
                for asking, one, other in found:
                    yield f"{asking} {purpose}", one, other


@dataclass(frozen=True)
class Asking:
    verb: str
    path: str
    body: str | None = None
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.path} {self.body or ''}"


async def _routes(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> AsyncIterator[tuple[str, str, Any]]:
    for service in SERVICES:
        async with session.get(f"{embedded.url}/openapi/{service}.json") as got:
            paths = (await got.json())["paths"]
        for path, verbs in paths.items():
            for verb, route in verbs.items():
                if verb == "get" or (verb == "post" and path.endswith("search")):
                    yield path, verb, route


def _askings(verb: str, path: str, route: Any) -> Iterator[tuple[Asking, list[Asking]]]:
    """Each address of a route, and what else is asked of it where it answers."""
    if verb == "post":
        one, *others = _posted(path)
        yield one, others
        return
    parameters = [p["name"] for p in route.get("parameters", []) if p["in"] == "query"]
    for filled in _filled(path):
        first, *queries = _queries(path, parameters)
        yield (
            Asking("GET", filled + first),
            [Asking("GET", filled + query) for query in queries] + [Asking("HEAD", filled + first)],
        )


def _posted(path: str) -> list[Asking]:
    if path.startswith(FHIR):
        return [Asking("POST", path, form, FORM) for form in SEARCHES[path.removesuffix("/_search")]]
    return [Asking("POST", path, json.dumps(body), "application/json") for body in BODIES[path]]


def _filled(path: str) -> Iterator[str]:
    before, _, rest = path.partition("{")
    if not rest:
        yield path
        return
    name, _, after = rest.partition("}")
    for value in PATHS[name]:
        for end in _filled(after):
            yield before + value.replace("{", "<").replace("}", ">") + end


def _queries(path: str, parameters: list[str]) -> Iterator[str]:
    if path in SEARCHES:
        yield from (f"?{search}" for search in SEARCHES[path])
        return
    base = "client_id={client}&" if "client_id" in parameters else ""
    yield f"?{base}".rstrip("?&")
    for name in parameters:
        for value in QUERIES[name]:
            yield f"?{name}={value}" if name == "client_id" else f"?{base}{name}={value}"


async def _followed(
    session: aiohttp.ClientSession, worlds: list[World], person: str, asking: Asking, headers: Mapping[str, str]
) -> AsyncIterator[tuple[Asking, Told, Told]]:
    """The answers to a request, and to the pages that follow it."""
    cursors: tuple[str, ...] = ("", "")
    for _ in range(PAGES):
        for _ in range(TRIES):
            sent = [_sent(session, w, person, asking, c, headers) for w, c in zip(worlds, cursors, strict=True)]
            (one, here), (other, there) = await asyncio.gather(*sent)
            if not (replace(one, written=other.written) == other != one):
                break
        yield asking, one, other
        if here is None or there is None:
            return
        cursors = (here, there)


async def _sent(
    session: aiohttp.ClientSession, world: World, person: str, asking: Asking, cursor: str, headers: Mapping[str, str]
) -> tuple[Told, str | None]:
    who: Person = world.people[person]
    path = _named(world, asking.path)
    if cursor:
        path += ("&" if "?" in path else "?") + f"cursor={cursor}"
    sent = {"Authorization": f"Bearer {who.token}", **headers, **({"Content-Type": asking.kind} if asking.kind else {})}
    body = None if asking.body is None else asking.body if asking.kind != FORM else _named(world, asking.body)
    async with session.request(asking.verb, world.rest.origin(path) + path, data=body, headers=sent) as got:
        raw = await got.read()
        answer = Answer(got.status, {k.title(): v for k, v in got.headers.items()}, "")
    following = json.loads(raw).get("next") if asking.verb == "GET" and "limit=1" in path and got.status == 200 else None
    before, world.size = world.size, await size_of(world)
    return told(world, answer, raw, world.size - before - 1), following


def _named(world: World, text: str) -> str:
    for name, value in world.ids.items():
        text = text.replace("{" + name + "}", value).replace(f"<{name}>", value)
    return text

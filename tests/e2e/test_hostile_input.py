"""Every field of every route of every service, with every hostile text, number and JSON. Generated from the OpenAPI documents."""

import asyncio
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from shared.contracts.records import ServiceName
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Answer, Person, Rest
from tests.e2e.surface import Clinic
from tests.support.hostile import FREE_TEXT, NO_NUMBER, NO_TEXT, Leaf, Route, body_with, example, leaves, routes

ROLES = ("intake", "therapist", "supervisor", "client", "compliance_officer", "administrator", "ehr_system", "representative")
CHECKED = ("/v1/", "/log/")
"""paths whose parameters are those of their OpenAPI description; FHIR has rules of its own"""


@dataclass
class Asked:
    """One route with a caller who gets as far as having the body read."""

    route: Route
    path: str
    who: Person

    async def send(self, raw: bytes, **headers: Any) -> Answer:
        return await self.who.call(self.route.verb.upper(), self.path, raw, If_Match='W/"1"', **headers)


class Callers:
    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.people = {role: clinic.rest.as_(f"hostile-{role}", role, client_id=self._own(role)) for role in ROLES}

    def _own(self, role: str) -> str | None:
        return self.clinic.client_id if role in ("client", "representative") else None

    async def asked(self, route: Route) -> Asked:
        """By whoever is told what is wrong with a body that nobody may send."""
        path = route.filled(client_id=self.clinic.client_id, id=self.clinic.client_id)
        for person in self.people.values():
            answer = await person.call(route.verb.upper(), path, b'{"\\u0000": 1}', If_Match='W/"1"')
            if answer.status == 422:
                return Asked(route, path, person)
        raise AssertionError(f"{route.name}: nobody was told what is wrong with the body")


@pytest.fixture(scope="module")
async def callers(embedded: EmbeddedProcess, session: aiohttp.ClientSession) -> Callers:
    return Callers(await Clinic(Rest(session, embedded.url, embedded.mint, "hostile")).admit())


async def document(callers: Callers, service: ServiceName) -> list[Route]:
    return routes((await callers.people["intake"].get(f"/openapi/{service}.json")).json)


def pointers(answer: Answer) -> list[str]:
    return [e["pointer"] for e in answer.json.get("errors", ())] if answer.status == 422 else []


async def gathered(work: Iterable[Any]) -> list[str]:
    """What went wrong, eight at a time."""
    turn = asyncio.Semaphore(8)

    async def one(check: Any) -> str | None:
        async with turn:
            found: str | None = await check
            return found

    return [fault for fault in await asyncio.gather(*(one(w) for w in work)) if fault]


async def _refused(asked: Asked, leaf: Leaf, value: str) -> str | None:
    answer = await asked.send(body_with(asked.route.body or {}, leaf, value))
    if leaf.pointer in pointers(answer):
        return None
    return f"{asked.route.name} took {value[:40]} as {leaf.pointer}: {answer.status} {answer.text[:200]}"


async def _not_refused(asked: Asked, leaf: Leaf, value: str) -> str | None:
    answer = await asked.send(body_with(asked.route.body or {}, leaf, value))
    if answer.status < 500 and leaf.pointer not in pointers(answer):
        return None
    return f"{asked.route.name} refused {leaf.pointer}: {answer.status} {answer.text[:200]}"


@pytest.mark.parametrize("service", ServiceName)
async def test_every_field_refuses_what_is_no_text(callers: Callers, service: ServiceName) -> None:
    checks = []
    for route in await document(callers, service):
        if route.body is None:
            continue
        asked = await callers.asked(route)
        for leaf in leaves(route.body):
            texts = (*NO_TEXT, *(leaf.refuses() if leaf.is_string else ()))
            checks += [_refused(asked, leaf, json.dumps(text)) for text in texts]
            if leaf.takes_free_text():
                checks.append(_not_refused(asked, leaf, json.dumps(FREE_TEXT)))
    assert await gathered(checks) == []


@pytest.mark.parametrize("service", ServiceName)
async def test_every_field_refuses_numbers_that_cannot_be_kept(callers: Callers, service: ServiceName) -> None:
    async def said(asked: Asked, leaf: Leaf, number: str) -> str | None:
        answer = await asked.send(body_with(asked.route.body or {}, leaf, number))
        wanted = "" if number in ("NaN", "1e") else leaf.pointer
        found = pointers(answer)
        return None if wanted in found else f"{asked.route.name} {leaf.pointer} {number[:20]}: {answer.status} {found}"

    checks = []
    for route in await document(callers, service):
        if route.body is None:
            continue
        asked = await callers.asked(route)
        for leaf in leaves(route.body):
            numbers = NO_NUMBER if leaf.is_number and not leaf.is_string else NO_NUMBER[:3]
            checks += [said(asked, leaf, number) for number in numbers]
    assert await gathered(checks) == []


@pytest.mark.parametrize("service", ServiceName)
async def test_every_body_refuses_what_is_no_proper_json(callers: Callers, service: ServiceName) -> None:
    faults = []
    for route in await document(callers, service):
        if route.body is None:
            continue
        asked = await callers.asked(route)
        name = next(iter(route.body.get("properties", {})), "name")
        body = json.dumps(example(route.body)).encode()
        for raw, place in (
            (f'{{"{name}": 1, "{name}": 2}}'.encode(), f"/{name}"),
            (f'{{"{name}": {{"x": [{{"y": 1, "y": 2}}]}}}}'.encode(), f"/{name}/x/0/y"),
            (b"\xef\xbb\xbf" + body, ""),
            (body[:-1] + b',"\xff": 1}', ""),
            (f'{{"{name}": {"[" * 5_000}'.encode(), ""),
            (f'{{"{name}": NaN}}'.encode(), ""),
            (b"[" + body + b"]", ""),
        ):
            answer = await asked.send(raw)
            if place not in pointers(answer):
                faults.append(f"{route.name} {raw[:40]!r}: {answer.status} {answer.text[:200]}")
        for coding in ("gzip", "br", "x-none"):
            packed = await asked.send(gzip.compress(body), Content_Encoding=coding)
            if (packed.status, packed.headers.get("Accept-Encoding")) != (415, "identity"):
                faults.append(f"{route.name} {coding}: {packed.status}")
        if (await asked.send(body, Content_Type="text/plain")).status != 415:
            faults.append(f"{route.name} takes text/plain")
    assert faults == []


@pytest.mark.parametrize("service", ServiceName)
async def test_every_route_knows_its_parameters(callers: Callers, service: ServiceName) -> None:
    """An unknown one is refused with the list of those it knows; so is one that stands twice, or is no text."""
    faults = []
    officer = callers.people["compliance_officer"]
    for route in await document(callers, service):
        if not route.path.startswith(CHECKED):
            continue
        path = route.filled()
        first = route.query[0] if route.query else "status"
        tries = {"nonsense=1": "?nonsense", f"{first}=1&status%20=x": "?status ", f"{first}=%ff": "?"}
        if route.query:
            tries |= dict.fromkeys((f"{first}=a&{first}=b", f"{first}=%00", f"{first}=%C2%85"), f"?{first}")
        for query, pointer in tries.items():
            answer = await officer.call(route.verb.upper(), f"{path}?{query}")
            if pointer not in pointers(answer):
                faults.append(f"{route.name}?{query}: {answer.status} {answer.text[:200]}")
            elif pointer == "?nonsense" and not all(name in answer.text for name in route.query):
                faults.append(f"{route.name} does not say that it knows {route.query}")
    assert faults == []


@pytest.mark.parametrize("service", ServiceName)
async def test_every_parameter_and_path_is_answered(callers: Callers, service: ServiceName) -> None:
    """Hostile values in known parameters and in the path: a client's fault, never the server's."""

    async def said(role: str, verb: str, path: str) -> str | None:
        answer = await callers.people[role].call(verb, path, b"{}" if verb != "GET" else None, If_Match='W/"1"')
        return None if 400 <= answer.status < 500 or answer.status == 200 else f"{role} {verb} {path[:120]}: {answer.status}"

    values = (
        "%00",
        "%C2%85",
        "%ff",
        "%F0%9F%92%A9",
        "..%2F..",
        "0002009",
        "1e9",
        "9" * 400,
        "%E2%80%8B",
        "a%20",
        "-1",
        "'--",
        "*",
    )
    checks = []
    for route in await document(callers, service):
        client = callers.clinic.client_id
        for name in route.query:
            checks += [
                said("compliance_officer", "GET", f"{route.filled(client_id=client, id=client)}?{name}={v}")
                for v in values
                if route.verb == "get"
            ]
        for name in route.in_path:
            given = {n: client for n in ("client_id", "id") if n != name}
            checks += [
                said("compliance_officer", route.verb.upper(), route.filled(**given, **{name: v}))
                for v in (*values, "%20", "%2e")
            ]
    assert await gathered(checks) == []


@pytest.mark.parametrize("path", ["/fhir/R4/Consent", "/fhir/R4/AuditEvent", "/fhir/R4/Provenance", "/fhir/R4/Questionnaire"])
async def test_a_fhir_search_knows_its_parameters_too(callers: Callers, path: str) -> None:
    answer = await callers.people["compliance_officer"].call("GET", f"{path}?nonsense=1")
    assert answer.status == 400
    assert answer.json["resourceType"] == "OperationOutcome"
    assert "known" in answer.text

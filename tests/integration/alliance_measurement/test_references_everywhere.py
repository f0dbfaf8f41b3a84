"""Every route of every service, from the OpenAPI documents: no record for a client who is not there, none that speaks of another
client's record, no period that ends before it begins."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.records import ServiceName
from shared.identity.roles import Role
from tests.integration.alliance_measurement.clinic import Answered, Clinic, World, today
from tests.support.bodies import Path, example, with_value

ROLES = tuple(map(str, Role))
REFERENCES = ("session_id", "record_id")
"""fields that name a record of the client"""
SUPPOSED = {"/v1/audit/what-if", "/v1/notes/search"}
"""POST that makes nothing: it asks"""


@dataclass(frozen=True)
class Write:
    verb: str
    path: str
    schema: Mapping[str, Any]


async def writes(world: World) -> list[Write]:
    """Every POST and PUT with a body in JSON."""
    found = []
    for name in ServiceName:
        async with world.http.get(f"{world.url}/openapi/{name}.json") as answer:
            document = await answer.json()
        for path, item in document["paths"].items():
            for verb in ("post", "put"):
                content = item.get(verb, {}).get("requestBody", {}).get("content", {})
                if "application/json" in content and path not in SUPPOSED:
                    found.append(Write(verb.upper(), path, content["application/json"]["schema"]))
    return found


def sent(write: Write, client_id: str, changes: Mapping[Path, Any]) -> Any:
    """The least body of the route, about that client, with these values at these places."""
    body = example(write.schema)
    if "client_id" in write.schema.get("properties", {}):
        body["client_id"] = client_id
    for path, value in changes.items():
        body[path[0]] = with_value(write.schema, path, value)[path[0]]
    return body


async def by_everybody(clinic: Clinic, verb: str, path: str, body: Any) -> dict[str, Answered]:
    headers = {"If-Match": 'W/"1"'} if verb == "PUT" else {}
    asked = re.sub(r"{[^}]*}", str(uuid4()), path)
    return {role: await clinic.call(verb, asked, role, body, headers=headers) for role in ROLES}


def about(clinic: Clinic, client_id: str) -> Clinic:
    """The same tenant, in which clients' and representatives' tokens are of that client."""
    other = Clinic(clinic.world, clinic.tenant)
    other.client_id = client_id
    return other


async def entries(clinic: Clinic) -> set[str]:
    """What was written down in the services' streams for this tenant."""
    found = set()
    for service in clinic.world.running.services:
        store = getattr(service, "_store", None)
        if store is not None:
            rows = await store.fetch(clinic.tenant, "SELECT event_id FROM events WHERE tenant_id = $1", clinic.tenant)
            found |= {str(r["event_id"]) for r in rows}
    return found


async def test_nothing_is_made_for_a_client_who_is_not_there(rated_clinic: Clinic) -> None:
    nobody = str(uuid4())
    clinic = about(rated_clinic, nobody)
    routes = [w for w in await writes(clinic.world) if "client_id" in w.schema.get("properties", {}) or "{client_id}" in w.path]
    assert {"/v1/consents", "/v1/relationships", "/v1/erasures", "/v1/erasures/holds", "/v1/break-glass"} <= {
        w.path for w in routes
    }
    before = await entries(clinic)
    for write in routes:
        path = write.path.replace("{client_id}", nobody)
        answers = await by_everybody(clinic, write.verb, path, sent(write, nobody, {}))
        made = {role: a.body for role, a in answers.items() if a.status < 300 or a.status >= 500}
        assert not made, (write.path, made)
    assert await entries(clinic) == before


def periods(schema: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Places of objects with a start and an end."""
    for one in (schema, *schema.get("anyOf", ())):
        inner = one.get("properties", {})
        if path and set(inner) == {"start", "end"}:
            yield path
        for name, below in inner.items():
            yield from periods(below, (*path, name))
        if isinstance(one.get("items"), dict):
            yield from periods(one["items"], (*path, 0))


async def test_a_period_ends_after_it_begins(rated_clinic: Clinic) -> None:
    clinic, tried = rated_clinic, set()
    held = await session_of(clinic)
    for write in await writes(clinic.world):
        for place in periods(write.schema):
            for start, end in (
                ("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"),
                ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ):
                body = sent(write, clinic.client_id, {place: {"start": start, "end": end}})
                answers = await by_everybody(clinic, write.verb, write.path.replace("{session_id}", held), body)
                pointer = "".join(f"/{part}" for part in (*place, "end"))
                said = [
                    e["detail"] for a in answers.values() if a.status == 422 for e in a.body["errors"] if e["pointer"] == pointer
                ]
                assert said, (write.path, pointer, {role: (a.status, a.body) for role, a in answers.items()})
                assert not [a for a in answers.values() if a.status < 300 or a.status >= 500], write.path
            tried.add(f"{write.path} {place}")
    assert len(tried) >= 8, tried
    assert any("/v1/audit/settings" in one for one in tried)


async def session_of(clinic: Clinic, **changes: Any) -> str:
    body = {
        "client_id": clinic.client_id,
        "therapist_id": f"therapist.{clinic.tenant}",
        "started_at": f"{today()}T00:00:00Z",
        "ended_at": f"{today()}T00:50:00Z",
        "modality": "cbt",
        "format": "individual",
        "attendance": "attended",
        **changes,
    }
    made = await clinic.done("POST", "/v1/sessions", "therapist", body)
    return str(made["id"])


async def with_another_client(clinic: Clinic) -> Clinic:
    """Another client of the same practice, with the same therapist."""
    return await about(clinic, "").opened("treatment", "measurement")


@pytest.mark.parametrize("name", REFERENCES)
async def test_a_record_of_another_client_is_as_unknown_as_none(rated_clinic: Clinic, name: str) -> None:
    clinic = rated_clinic
    other = await with_another_client(clinic)
    theirs, own = await session_of(other), await session_of(clinic)
    # what is written at a record's own address needs that record first: its own tests refer to what is another client's
    about_a_client = [w for w in await writes(clinic.world) if set(re.findall(r"{(\w+)}", w.path)) <= {"client_id"}]
    routes = [w for w in about_a_client if name in w.schema.get("properties", {})]
    assert routes
    for write in routes:
        path = write.path.replace("{client_id}", clinic.client_id)
        more: dict[Path, Any] = {("record_type",): "session"} if name == "record_id" else {}
        if "instrument" in write.schema["properties"]:
            more = {("instrument",): "wai-sr"}
        refused = {}
        for record in (theirs, str(uuid4())):
            answers = await by_everybody(clinic, write.verb, path, sent(write, clinic.client_id, {**more, (name,): record}))
            assert not [role for role, a in answers.items() if a.status < 300 or a.status >= 500], (path, answers)
            refused[record] = {role: (a.status, (a.body or {}).get("errors")) for role, a in answers.items()}
        assert len(set(map(str, refused.values()))) == 1, (path, refused)
        pointers = [e["pointer"] for _, errors in refused[theirs].values() for e in errors or ()]
        assert f"/{name}" in pointers, (path, refused)
        taken = await by_everybody(clinic, write.verb, path, sent(write, clinic.client_id, {**more, (name,): own}))
        assert [role for role, a in taken.items() if a.status == 201], (path, taken)


@pytest.mark.parametrize("who", ["intake", "supervisor", "administrator"])
async def test_the_same_relationship_is_one(rated_clinic: Clinic, who: str) -> None:
    clinic = rated_clinic
    given = {"client_id": clinic.client_id, "practitioner_id": "sam.okoye", "role": "care_team", "period": {"start": today()}}
    made = await asyncio.gather(*(clinic.call("POST", "/v1/relationships", who, given) for _ in range(8)))
    assert sorted(a.status for a in made) == [200] * 7 + [201]
    (relationship,) = {a.body["id"] for a in made}
    later = await clinic.call("POST", "/v1/relationships", who, given | {"period": {"start": "2190-01-01"}})
    assert (later.status, later.body["id"]) == (200, relationship), "it holds then already"
    earlier = await clinic.call("POST", "/v1/relationships", who, given | {"role": "therapist"})
    assert (earlier.status, earlier.body["id"] == relationship) == (201, False), "another fact"
    listed = await clinic.done("GET", f"/v1/relationships?client_id={clinic.client_id}", "intake")
    assert [r["id"] for r in listed["items"]].count(relationship) == 1
    await clinic.done("POST", f"/v1/relationships/{relationship}/end", "intake", {})
    again = await clinic.call("POST", "/v1/relationships", who, given)
    assert (again.status, again.body["id"] == relationship) == (201, False), "one that has ended is no longer there"

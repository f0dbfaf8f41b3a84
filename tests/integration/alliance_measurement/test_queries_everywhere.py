"""Every code and time in every query, from the OpenAPI documents: what is not known is refused, never answered with nothing."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from shared.contracts.records import ServiceName
from tests.integration.alliance_measurement.clinic import Clinic, World

TIMES = {"from", "to"}
NO_TIMES = ("20261110", "2026-11-10T09:00:00", "2026-02-30", "9999-12-31", "1899-12-31", "0001-01-01T00:00:00+14:00", "yesterday")


@dataclass(frozen=True)
class Parameter:
    path: str
    name: str
    codes: tuple[str, ...]

    def asked(self, value: str) -> str:
        path = re.sub(r"{[^}]*}", str(uuid4()), self.path.replace("{report}", "activity"))
        return f"{path}?{self.name}={quote(value)}"


async def parameters(world: World) -> list[Parameter]:
    found = []
    for service in ServiceName:
        async with world.http.get(f"{world.url}/openapi/{service}.json") as answer:
            document: dict[str, Any] = await answer.json()
        for path, item in document["paths"].items():
            for each in item.get("get", {}).get("parameters", []):
                codes = tuple(each["schema"].get("enum", ()))
                if each["in"] == "query" and (codes or each["name"] in TIMES) and not path.startswith("/fhir"):
                    found.append(Parameter(path, each["name"], codes))
    return found


async def refused(clinic: Clinic, asked: str, name: str) -> str:
    """What is said of the parameter."""
    answer = await clinic.call("GET", asked, "compliance_officer")
    assert answer.status == 422, (asked, answer.status, answer.body)
    (said,) = [e["detail"] for e in answer.body["errors"] if e["pointer"] == f"?{name}"]
    return str(said)


async def test_codes_and_times_in_queries(rated_clinic: Clinic) -> None:
    found = await parameters(rated_clinic.world)
    assert {"action", "outcome", "purpose", "kind", "status", "from", "to"} <= {p.name for p in found}
    for parameter in found:
        unknown = [parameter.codes[0].swapcase(), "dance"] if parameter.codes else NO_TIMES
        for value in unknown:
            said = await refused(rated_clinic, parameter.asked(value), parameter.name)
            assert not parameter.codes or set(parameter.codes) & set(re.split(r"[\s,:]+", said)), said
        if parameter.codes and parameter.path != "/v1/sessions":  # which is no officer's
            headers = {"Authorization": f"Bearer {rated_clinic.token('compliance_officer')}"}
            url = rated_clinic.world.url + parameter.asked(parameter.codes[0])
            async with rated_clinic.world.http.get(url, headers=headers) as answer:
                assert answer.status == 200, (parameter, await answer.text())


async def test_a_search_does_not_say_nobody_where_the_question_was_misspelt(rated_clinic: Clinic) -> None:
    for query in ("action=READ", "action=dance", "purpose=treat", "outcome=Permit", "kind=query,alarm"):
        await refused(rated_clinic, f"/v1/audit/entries?{query}", query.partition("=")[0])

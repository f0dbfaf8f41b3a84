"""The service as a whole: it refuses to start unwired, says how it is, and documents what it takes."""

from dataclasses import replace
from typing import Any

import pytest

from services.consent.bootstrap import build
from services.consent.settings import Settings
from shared.service.parts import Unwired
from tests.integration.consent.world import World


async def test_it_is_ready_and_documented(world: World) -> None:
    async with world.session.get(f"{world.base_url}/health/ready") as answer:
        assert (await answer.json())["parts"] == {"database": True, "background": True}
    async with world.session.get(f"{world.base_url}/openapi/consent.json") as answer:
        paths: dict[str, Any] = (await answer.json())["paths"]
    records = ("representatives", "restrictions", "amendment-requests")
    assert set(paths) >= {
        *(f"/v1/{name}{tail}" for name in records for tail in ("", "/{record_id}", "/{record_id}/history")),
        *(f"/v1/consents/{{consent_id}}/{what}" for what in ("explanations", "reconsents", "refusals", "expirations")),
        *(f"/v1/amendment-requests/{{record_id}}/{what}" for what in ("extensions", "acceptances", "denials")),
        *(f"/v1/amendment-requests/{{record_id}}/{what}" for what in ("disagreements", "rebuttals")),
        "/v1/representatives/{record_id}/end",
        "/v1/restrictions/{record_id}/decisions",
        "/v1/restrictions/{record_id}/end",
        "/v1/capacities",
        "/v1/persons",
        "/v1/jurisdictions",
        "/v1/consents",
        "/v1/consents/{consent_id}",
        "/v1/consents/{consent_id}/history",
        "/v1/consents/{consent_id}/revocations",
        "/v1/consents/{consent_id}/signatures",
        "/v1/relationships",
        "/v1/relationships/{relationship_id}/end",
        "/v1/policy-feed",
    }
    for path, verbs in paths.items():
        for verb, route in verbs.items():
            told = "application/fhir+json" if path.startswith("/fhir") else "application/problem+json"
            assert told in route["responses"]["422"]["content"], (verb, path)
    body = paths["/v1/consents"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) == {"client_id", "kind", "grantor", "policy", "period"}


def test_unwired_means_stopped(world: World) -> None:
    with pytest.raises(Unwired):
        build(replace(world.parts, gate=None))
    with pytest.raises(Unwired):
        build(replace(world.parts, database=None))


@pytest.mark.parametrize("value", ["0", "2", "soon", "nan", "-1"])
def test_a_heartbeat_slower_than_the_gates_patience_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="POLICY_HEARTBEAT_SECONDS"):
        Settings.from_environment({"POLICY_HEARTBEAT_SECONDS": value})
    assert Settings.from_environment({"POLICY_HEARTBEAT_SECONDS": "0.5"}).heartbeat_seconds == 0.5
    assert Settings.from_environment({}) == Settings()

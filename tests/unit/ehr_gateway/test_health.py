"""The health of the whole deployment: ready only while every service says so, and away is not ready."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import orjson
import pytest

from services.ehr_gateway.application import health
from services.ehr_gateway.application.health import deployment_health
from services.ehr_gateway.application.ports import Answer, ServiceUnreachable
from shared.contracts.records import ServiceName

OWN = {"status": "ready", "parts": {}}


class Said:
    def __init__(self, body: bytes) -> None:
        self.status, self.headers, self._body = 200, dict[str, str](), body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._body


class Services:
    """`said`: what each service answers, an exception where it gives none."""

    def __init__(self, said: Mapping[ServiceName, bytes | Exception]) -> None:
        self._said = said

    @asynccontextmanager
    async def call(
        self, method: str, service: ServiceName, path: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[Answer]:
        assert (method, path) == ("GET", "/health/ready")
        answer = self._said[service]
        if isinstance(answer, Exception):
            raise answer
        yield Said(answer)


def ready(**parts: bool) -> bytes:
    return orjson.dumps({"status": "ready" if all(parts.values()) else "not ready", "service": "x", "parts": parts})


ALL: dict[ServiceName, bytes | Exception] = dict.fromkeys(health.BEHIND, ready(database=True))


async def test_ready_while_every_service_is() -> None:
    told = await deployment_health(Services(ALL), OWN)
    assert told["status"] == "ready" and set(told["services"]) == {str(name) for name in ServiceName}


@pytest.mark.parametrize("service", health.BEHIND)
@pytest.mark.parametrize("said", [ready(database=False), ServiceUnreachable("x"), TimeoutError(), b"<html>"], ids=str)
async def test_one_that_is_not_makes_the_whole_not_ready(service: ServiceName, said: bytes | Exception) -> None:
    told = await deployment_health(Services({**ALL, service: said}), OWN)
    assert told["status"] == "not ready" and told["services"][service]["status"] in ("not ready", "away")


async def test_it_speaks_of_itself_too() -> None:
    assert (await deployment_health(Services(ALL), {"status": "not ready", "parts": {"issuer_keys": False}}))[
        "status"
    ] == "not ready"

"""The services behind the gateway over real HTTP: an answer as it comes, one that breaks off, nobody there."""

from typing import Any

import pytest

from services.ehr_gateway.adapters.http_services import HttpServices
from services.ehr_gateway.application.ports import ServiceUnreachable
from shared.contracts.records import ServiceName
from tests.support.http import serving
from tests.support.ports import free_port

CONSENT = ServiceName.CONSENT


async def answering(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    breaks = body == b'{"break":1}'
    status = 403 if (b"authorization", b"Bearer no") in scope["headers"] else 200
    await send({"type": "http.response.start", "status": status, "headers": [(b"Export-Records", b"3")]})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    if breaks:
        raise RuntimeError("broke off")
    await send({"type": "http.response.body", "body": b" last"})


async def heard(services: HttpServices, body: bytes, bearer: str = "t") -> tuple[int, str, bytes]:
    async with services.call("POST", CONSENT, "/v1/x", {"Authorization": f"Bearer {bearer}"}, body) as answer:
        content = b"".join([chunk async for chunk in answer.chunks()])
        return answer.status, answer.headers["export-records"], content


async def test_over_http() -> None:
    async with serving(answering) as base:
        services = HttpServices({CONSENT: base})
        try:
            assert await heard(services, b"{}") == (200, "3", b"first last")
            assert (await heard(services, b"{}", "no"))[0] == 403
            with pytest.raises(ServiceUnreachable, match="broke off"):
                await heard(services, b'{"break":1}')
        finally:
            await services.close()


async def test_nobody_there() -> None:
    services = HttpServices({CONSENT: f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(ServiceUnreachable, match="consent cannot be reached"):
        await heard(services, b"{}")
    await services.close()

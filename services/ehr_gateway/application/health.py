"""Whether the whole deployment serves: every service's own `/health/ready`, asked at once."""

import asyncio
from typing import Any, Final

import orjson

from services.ehr_gateway.application.ports import Services, ServiceUnreachable
from shared.contracts.records import ServiceName

ANSWERS_WITHIN: Final = 3.0
"""seconds that a service may take before it counts as away"""
BEHIND: Final = tuple(name for name in ServiceName if name is not ServiceName.EHR_GATEWAY)


async def health_of(services: Services, service: ServiceName) -> dict[str, Any]:
    """What it says of itself: `{status, parts, told?}`; `{status: "away"}` where it does not answer in time."""
    try:
        async with (
            asyncio.timeout(ANSWERS_WITHIN),
            services.call("GET", service, "/health/ready", {}, b"") as answer,
        ):
            said: dict[str, Any] = orjson.loads(b"".join([chunk async for chunk in answer.chunks()]))
    except (ServiceUnreachable, TimeoutError, orjson.JSONDecodeError):
        return {"status": "away", "parts": {}}
    return {key: said[key] for key in ("status", "parts", "told") if key in said}


async def deployment_health(services: Services, own: dict[str, Any]) -> dict[str, Any]:
    """`{status: "ready" | "not ready", services: {name: …}}`. `own`: what this service says of itself."""
    said = await asyncio.gather(*(health_of(services, name) for name in BEHIND))
    found = {**dict(zip(map(str, BEHIND), said, strict=True)), str(ServiceName.EHR_GATEWAY): own}
    good = all(one["status"] == "ready" for one in found.values())
    return {"status": "ready" if good else "not ready", "services": found}

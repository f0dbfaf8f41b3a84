"""Puts ehr_gateway together: discovery, pages, and exports in sealed parts. It has no key class of its own and opens nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.ehr_gateway.api import discovery, site
from services.ehr_gateway.api.exporting import export_router
from services.ehr_gateway.api.health import health_router
from services.ehr_gateway.application.ports import Services
from services.ehr_gateway.client_pages.build import client_pages
from services.ehr_gateway.settings import Settings
from shared.contracts.records import ServiceName
from shared.http.app import create_app
from shared.service.parts import ASGIApp, Parts


class EhrGateway:
    def __init__(self, app: ASGIApp, closing: Sequence[Callable[[], Awaitable[None]]]) -> None:
        self.name = str(ServiceName.EHR_GATEWAY)
        self.app, self._closing = app, closing

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        for close in self._closing:
            await close()


def build(
    parts: Parts, services: Services, settings: Settings | None = None, *, closing: Sequence[Callable[[], Awaitable[None]]] = ()
) -> EhrGateway:
    """`services`: those whose parts make an export; `closing` is called at its stop (their connections)."""
    settings = settings or Settings()
    app: Any = create_app(
        ServiceName.EHR_GATEWAY,
        "Discovery for EHR systems, pages that lead to every service's reference, a client's record as one sealed archive.",
        new_id=parts.new_id,
        checks={},
        tokens=parts.tokens,
    )
    app.include_router(
        discovery.router(
            public_url=parts.public_url,
            version=settings.version,
            issuer=settings.issuer,
            jwks_url=settings.jwks_url,
            token_endpoint=settings.token_endpoint,
            now=parts.now,
        )
    )
    app.include_router(health_router(services, app.state.ready))
    app.include_router(export_router(services, parts.tokens, parts.now))
    app.include_router(client_pages(parts, services))
    app.include_router(site.router())
    return EhrGateway(app, closing)

"""Puts ehr_gateway together: discovery and pages. It has no key class of its own and opens nothing."""

from typing import Any

from services.ehr_gateway.api import discovery, site
from services.ehr_gateway.settings import Settings
from shared.contracts.records import ServiceName
from shared.http.app import create_app
from shared.service.parts import ASGIApp, Parts


class EhrGateway:
    def __init__(self, app: ASGIApp) -> None:
        self.name = str(ServiceName.EHR_GATEWAY)
        self.app = app

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to end."""


def build(parts: Parts, settings: Settings | None = None) -> EhrGateway:
    settings = settings or Settings()
    app: Any = create_app(
        ServiceName.EHR_GATEWAY,
        "Discovery for EHR systems, and the pages that lead to every service's reference.",
        new_id=parts.new_id,
        checks={},
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
    app.include_router(site.router())
    return EhrGateway(app)

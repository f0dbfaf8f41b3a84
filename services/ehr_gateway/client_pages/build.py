"""The client's pages put together."""

from fastapi import APIRouter

from services.ehr_gateway.application.ports import Services
from services.ehr_gateway.client_pages.api.pages import Pages, client_pages_router
from shared.http.page_forms import PageSession
from shared.service.parts import Parts


def client_pages(parts: Parts, services: Services) -> APIRouter:
    secure = parts.public_url.startswith("https://")
    session = PageSession(parts.secret, secure=secure, now=parts.now, random=parts.random)
    return client_pages_router(Pages(parts, services, session))

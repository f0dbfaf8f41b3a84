"""`/review/law`: the packs of law, rule by rule: where each stands, whether anybody has read it there, who reviewed it."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.audit_log.decision.application.tenant_settings import TenantSettings
from services.audit_log.decision.domain.rules.packs import PACKS
from services.audit_log.decision.domain.rules.rule import RULES, Reading
from services.audit_log.officers.api.surface import Surface

_OWN: Final = tuple(rule for rule in RULES.values() if rule.reading is Reading.NOT_LAW)


def law_router(surface: Surface, settings: TenantSettings) -> APIRouter:
    router = APIRouter(prefix="/review/law", include_in_schema=False, route_class=surface.route())

    @router.get("")
    async def page(request: Request) -> Response:
        action = "view-law"
        call = await surface.officer(request, action)
        binding = (await settings.in_force(call.tenant)).law
        packs = [(pack, [rule for r in pack.rules if (rule := RULES[r]) not in _OWN]) for pack in PACKS.values()]
        warns = any(pack.duty_to_warn for pack in PACKS.values())
        values = {"packs": packs, "own": _OWN, "binding": binding.id, "unread": Reading.UNREAD, "warns": warns}
        return await surface.show(call, "law.html", values, action=action, query={}, rows=len(RULES))

    return router

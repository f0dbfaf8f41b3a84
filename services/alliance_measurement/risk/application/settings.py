"""Who is on call for risk, and after how long the next person is told: read and chosen."""

from typing import Any, Final

from services.alliance_measurement.risk.application.ports import RiskDesk
from services.alliance_measurement.risk.domain.risk import RiskSettings
from shared.http.call import Call
from shared.http.problems import forbidden
from shared.identity.roles import Role

MAY_SET: Final = frozenset({Role.ADMINISTRATOR, Role.SUPERVISOR})
"""roles that read and choose the risk settings of their tenant"""


async def read_settings(desk: RiskDesk, call: Call) -> dict[str, Any]:
    """403 for every role that is not in `MAY_SET`."""
    _may_set(call)
    return (await desk.risks.settings(call.tenant)).model_dump(mode="json")


async def choose_settings(desk: RiskDesk, call: Call, settings: RiskSettings) -> dict[str, Any]:
    """Replaces the tenant's settings whole; older ones are kept. 403 for every role that is not in `MAY_SET`."""
    _may_set(call)
    row = desk.risks.settings_row(call.tenant, settings, call.principal.sub, desk.parts.now())
    await desk.store.append(call.tenant, (), statements=(row,))
    return settings.model_dump(mode="json")


def _may_set(call: Call) -> None:
    if call.principal.role not in MAY_SET or len(call.principal.roles) > 1:
        raise forbidden("A supervisor or an administrator reads and chooses who is told of risk.")

"""The read model of this service: what each capability keeps in step with its events."""

from typing import Final

from services.alliance_measurement.administrations.adapters.projection import project_administration
from services.alliance_measurement.events import EVENT_TYPES
from services.alliance_measurement.outcomes.adapters.table import project_outcome
from services.alliance_measurement.release.adapters.table import project_release
from services.alliance_measurement.risk.adapters.table import project_risk
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_PROJECTIONS: Final = (project_administration, project_outcome, project_release, project_risk)


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the tables; nothing for most."""
    return tuple(statement for one in _PROJECTIONS for statement in one(tenant, event))


READ_MODEL: Final = ReadModel(("administration", "answered", "outcome", "release_choice", "risk_alert"), EVENT_TYPES, project)
"""Not among them: `scheduled`, `assessment_due`, `assessment_tenant` and `risk_due`, which say what is still to be done;
`risk_settings`, which no event holds; and `care_team`, which messages of consent fill."""

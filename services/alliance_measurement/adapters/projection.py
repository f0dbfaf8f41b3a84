"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew.

`ord` is the position of the event that a row stands for: the order of writing, and the same whenever the row is made.
"""

from typing import Final

from services.alliance_measurement.adapters.risk_table import project_risk
from services.alliance_measurement.application.ports import administration_stream, outcome_stream
from services.alliance_measurement.domain.administration import AdministrationAnswered, AdministrationRequested
from services.alliance_measurement.domain.events import EVENT_TYPES
from services.alliance_measurement.domain.outcome import OutcomeRecorded
from services.alliance_measurement.domain.release import ReleaseChosen
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_ORD: Final = "(SELECT max(position) FROM events WHERE tenant_id = $1 AND stream = $2 AND type = $3)"
_REQUESTED: Final = (
    "INSERT INTO administration (ord, tenant_id, administration_id, client_id, instrument, rater, session_id, requested_at) "  # noqa: S608
    f"OVERRIDING SYSTEM VALUE VALUES ({_ORD}, $1, $4, $5, $6, $7, $8, $9)"
)
_ANSWERED: Final = (
    "INSERT INTO answered (ord, tenant_id, administration_id, client_id, instrument, rater, answered_at) "  # noqa: S608
    f"OVERRIDING SYSTEM VALUE VALUES ({_ORD}, $1, $4, $5, $6, $7, $8)"
)
_OUTCOME: Final = (
    f"INSERT INTO outcome (ord, tenant_id, outcome_id, client_id) OVERRIDING SYSTEM VALUE VALUES ({_ORD}, $1, $4, $5)"  # noqa: S608
)
_CHOICE: Final = (
    "INSERT INTO release_choice (tenant_id, client_id, choice_id, therapist, supervisor) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT ON CONSTRAINT release_choice_pkey DO UPDATE SET therapist = $4, supervisor = $5"
)


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the index; nothing for most."""
    match event:
        case AdministrationRequested():
            place = (tenant, administration_stream(event.administration_id), event.TYPE)
            what = (event.administration_id, event.client_id, event.instrument, str(event.rater), event.session_id, event.at)
            return (Statement(_REQUESTED, (*place, *what)),)
        case AdministrationAnswered():
            place = (tenant, administration_stream(event.administration_id), event.TYPE)
            answered = (event.administration_id, event.client_id, event.instrument, str(event.rater), event.at)
            return (Statement(_ANSWERED, (*place, *answered)),)
        case OutcomeRecorded():
            place = (tenant, outcome_stream(event.outcome_id), event.TYPE)
            return (Statement(_OUTCOME, (*place, event.outcome_id, event.client_id)),)
        case ReleaseChosen():
            choice = (tenant, event.client_id, event.choice_id, str(event.therapist), str(event.supervisor))
            return (Statement(_CHOICE, choice),)
        case _:
            return project_risk(tenant, event)


READ_MODEL: Final = ReadModel(("administration", "answered", "outcome", "release_choice", "risk_alert"), EVENT_TYPES, project)
"""Not among them: `scheduled`, `assessment_due`, `assessment_tenant` and `risk_due`, which say what is still to be done;
`risk_settings`, which no event holds; and `care_team`, which messages of consent fill."""

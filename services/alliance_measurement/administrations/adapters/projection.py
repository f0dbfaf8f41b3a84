"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew.

`ord` is the position of the event that a row stands for: the order of writing, and the same whenever the row is made.
"""

from typing import Final

from services.alliance_measurement.administrations.application.ports import administration_stream
from services.alliance_measurement.administrations.domain.administration import AdministrationAnswered, AdministrationRequested
from shared.eventstore.model import Statement
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


def project_administration(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in `administration` and `answered`."""
    match event:
        case AdministrationRequested():
            place = (tenant, administration_stream(event.administration_id), event.TYPE)
            what = (event.administration_id, event.client_id, event.instrument, str(event.rater), event.session_id, event.at)
            return (Statement(_REQUESTED, (*place, *what)),)
        case AdministrationAnswered():
            place = (tenant, administration_stream(event.administration_id), event.TYPE)
            answered = (event.administration_id, event.client_id, event.instrument, str(event.rater), event.at)
            return (Statement(_ANSWERED, (*place, *answered)),)
        case _:
            return ()

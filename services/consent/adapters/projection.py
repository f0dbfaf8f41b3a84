"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew."""

from typing import Final

from services.consent.domain.events import EVENT_TYPES, ConsentProposed, RelationshipStarted
from services.consent.domain.people_events import (
    AmendmentRequested,
    CapacityDetermined,
    RepresentativeAppointed,
    RestrictionRequested,
)
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_ADD: Final = (
    "INSERT INTO records (tenant_id, record_type, record_id, client_id, created_at) VALUES ($1, $2, $3, $4, $5) "
    # each finding of capacity belongs to the one record that the first made
    "ON CONFLICT ON CONSTRAINT records_pkey DO NOTHING"
)


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the index; nothing for most."""
    match event:
        case ConsentProposed():
            made = RecordType.CONSENT, event.consent_id, event.at
        case RelationshipStarted():
            made = RecordType.RELATIONSHIP, event.relationship_id, event.at
        case RepresentativeAppointed():
            made = RecordType.REPRESENTATIVE, event.representative_id, event.at
        case CapacityDetermined():
            made = RecordType.CAPACITY, event.capacity_id, event.at
        case RestrictionRequested():
            made = RecordType.RESTRICTION, event.restriction_id, event.at
        case AmendmentRequested():
            made = RecordType.AMENDMENT, event.amendment_id, event.at
        case _:
            return ()
    record_type, record_id, at = made
    return (Statement(_ADD, (tenant, str(record_type), record_id, event.client_id, at)),)


READ_MODEL: Final = ReadModel(("records",), EVENT_TYPES, project)
"""Not among them: `policy_heads`, a counter beside the policy stream that also says when it moved; `deadlines`, which are set
anew by each look at a record; `persons`, of whom only the last name is kept."""

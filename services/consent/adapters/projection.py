"""From an event to the rows of the index: one pure function, for the live index and for one that is built anew."""

from typing import Final

from services.consent.domain.events import EVENT_TYPES, ConsentProposed, RelationshipStarted
from shared.contracts.records import RecordType
from shared.eventstore.model import Statement
from shared.eventstore.projection import ReadModel
from shared.sealing.event import Event

_ADD: Final = "INSERT INTO records (tenant_id, record_type, record_id, client_id, created_at) VALUES ($1, $2, $3, $4, $5)"


def project(tenant: str, event: Event) -> tuple[Statement, ...]:
    """What the event changes in the index; nothing for most."""
    match event:
        case ConsentProposed():
            return (Statement(_ADD, (tenant, str(RecordType.CONSENT), event.consent_id, event.client_id, event.at)),)
        case RelationshipStarted():
            return (Statement(_ADD, (tenant, str(RecordType.RELATIONSHIP), event.relationship_id, event.client_id, event.at)),)
        case _:
            return ()


READ_MODEL: Final = ReadModel(("records",), EVENT_TYPES, project)
"""Not among them: `policy_heads`, a counter beside the policy stream that also says when it moved."""

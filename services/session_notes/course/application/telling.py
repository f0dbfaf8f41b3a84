"""What the ledger is told of at once, as an alarm: harm that was noted, a concern that was raised."""

from collections.abc import Callable

from services.session_notes.desk.application.ports import Desk
from shared.contracts.course import CourseEvent
from shared.contracts.harm import HARM_TOLD, HarmTold, HarmToldMessage
from shared.contracts.topics import RECEIPTS
from shared.eventstore.model import Publication
from shared.http.call import Call
from shared.service.record import client_key

Told = Callable[[CourseEvent], Publication]


def told_of_harm(desk: Desk, call: Call, what: HarmTold | None) -> Told | None:
    """None where nobody is alarmed."""
    if what is None:
        return None
    message_id = desk.parts.new_id()

    def told(event: CourseEvent) -> Publication:
        message = HarmToldMessage(
            service=str(desk.parts.signer.service), record_id=event.item_id, record_type=event.OF, what=what, at=event.at
        )
        payload = message.model_dump_json().encode()
        key = client_key(call.tenant, event.client_id)
        return Publication(RECEIPTS, key, type=HARM_TOLD, payload=payload, event_id=message_id)

    return told

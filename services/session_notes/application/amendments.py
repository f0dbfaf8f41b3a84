"""Amendments and disagreements that consent published: which of them go along with a note (45 CFR 164.526(c)(1), (d)(5)).

A request names the record that its client means, and consent cannot look whether it is that client's. So a note shows what names
it and belongs to its own client, and nothing else; what comes before its note is known waits there.
"""

from typing import Final

from services.session_notes.application.ports import AmendmentKind, AmendmentRow, Desk
from shared.contracts.amendments import AMENDMENT_ACCEPTED, DISAGREEMENT_STATED, AmendmentAccepted, DisagreementStated
from shared.messaging.port import Effect, Handler, Message
from shared.sealing.event import EventTypes
from shared.service.erasure import HOLD_ERASURES
from shared.service.record import client_key

_TYPES: Final = EventTypes(AmendmentAccepted, DisagreementStated)
_KINDS: Final = {AMENDMENT_ACCEPTED: AmendmentKind.ACCEPTED, DISAGREEMENT_STATED: AmendmentKind.DISAGREEMENT}


class MisplacedAmendment(Exception):
    """An amendment that came under another client's key: it is parked."""


def keep_amendments(desk: Desk) -> Handler:
    """Handles `consent.amendment-accepted` and `consent.disagreement-stated`: nothing, once the client's evidence was erased."""

    async def handle(message: Message) -> Effect:
        event = _TYPES.load(
            tenant=message.tenant,
            event_type=message.type,
            schema_version=message.schema_version,
            event_id=message.message_id,
            data=message.payload,
        )
        assert isinstance(event, AmendmentAccepted | DisagreementStated)
        if message.key != client_key(message.tenant, event.client_id):
            raise MisplacedAmendment("an amendment is published under its own client's key")
        row = AmendmentRow(event.amendment_id, event.client_id, event.amended_record, _KINDS[message.type], event.at)
        return Effect((HOLD_ERASURES,), (desk.index.amendment_row(message.tenant, row),))

    return handle

"""From what a transport delivers to a message whose signature, owner and form were checked."""

from datetime import datetime
from uuid import UUID

from shared.messaging.port import Inbound, Message
from shared.messaging.signature import NUMBER, EventVerifier, ForgedMessage


def checked(inbound: Inbound, verifier: EventVerifier) -> Message:
    """Raises ForgedMessage."""
    headers = inbound.headers
    source = verifier.verify(inbound.topic, inbound.key, headers, inbound.payload)
    try:
        return Message(
            topic=inbound.topic,
            tenant=headers["ce_tenant"],
            key=inbound.key,
            message_id=UUID(headers["ce_id"]),
            type=headers["ce_type"],
            schema_version=int(headers["ce_schemaversion"]),
            source=str(source),
            sequence=int(headers["ce_sequence"]),
            stream=headers["ce_subject"],
            payload=inbound.payload,
            number=int(headers[NUMBER]) if NUMBER in headers else None,
        )
    except (KeyError, ValueError):
        raise ForgedMessage(f"a message on {inbound.topic} lacks a header or has one out of form") from None


def written(inbound: Inbound) -> datetime | None:
    """When the event was committed. Its time is not signed: nothing but a metric and an age may depend on it."""
    try:
        at = datetime.fromisoformat(inbound.headers["ce_time"])
    except (KeyError, ValueError):
        return None
    return at if at.tzinfo is not None else None

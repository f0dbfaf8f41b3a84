"""Every event type that any service writes, by service, and every message: what golden files and documents are made from."""

from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import TypeAdapter

from services.alliance_measurement.events import EVENT_TYPES as ALLIANCE_EVENTS
from services.audit_log.erasure.domain.events import EVENTS as ERASURE_EVENTS
from services.audit_log.erasure.domain.events import UPCASTERS as ERASURE_UPCASTERS
from services.audit_log.erasure.domain.holds import EVENTS as HOLD_EVENTS
from services.consent.domain.events import EVENT_TYPES as CONSENT_EVENTS
from services.session_notes.events import EVENT_TYPES as NOTE_EVENTS
from shared.contracts.messages import MESSAGES
from shared.contracts.records import ServiceName
from shared.sealing.event import Event, EventTypes, sealed_fields
from shared.service.erasure import ErasureHandled

EVENTS: Final[dict[ServiceName, EventTypes]] = {
    ServiceName.CONSENT: CONSENT_EVENTS,
    ServiceName.SESSION_NOTES: NOTE_EVENTS,
    ServiceName.ALLIANCE: ALLIANCE_EVENTS,
    ServiceName.AUDIT_LOG: EventTypes(*ERASURE_EVENTS, *HOLD_EVENTS, upcasters=ERASURE_UPCASTERS),
}
HANDLED: Final = EventTypes(ErasureHandled)
"""what every clinical service writes of an erasure"""


EventModel = type[Event]


@dataclass(frozen=True, slots=True)
class Written:
    """One type as it is written today."""

    type: str
    version: int
    form: Any
    types: EventTypes | None
    """None for a message that is no stored event"""

    @property
    def event(self) -> EventModel | None:
        return self.form if isinstance(self.form, type) and issubclass(self.form, Event) else None

    def shape(self) -> dict[str, Any]:
        """What must not change within a version: the JSON schema of the data, and of what is sealed in it."""
        shape: dict[str, Any] = {"data": bare(TypeAdapter(self.form).json_schema())}
        if self.event is not None:
            shape["sealed"] = {
                name: {"class": str(key_class), "value": bare(sealed_form(self.event, name).json_schema())}
                for name, key_class in sealed_fields(self.event).items()
            }
        return shape


def sealed_form(model: type[Event], name: str) -> TypeAdapter[Any]:
    """What stands inside a sealed field."""
    (inside,) = get_args(model.model_fields[name].annotation)
    return TypeAdapter(inside)


def written_today() -> list[Written]:
    """Each type once, by name. A type that is stored and sent is in here as the event it is."""
    found: dict[str, Written] = {}
    for types in (*EVENTS.values(), HANDLED):
        for model in types.models:
            found[model.TYPE] = Written(model.TYPE, model.SCHEMA_VERSION, model, types)
    for message in MESSAGES.values():
        found.setdefault(_name(message.type, found), Written(message.type, message.version, message.form, None))
    return [found[name] for name in sorted(found)]


def _name(message_type: str, found: dict[str, Written]) -> str:
    """A message under the name of an event whose form it does not share (the public part of a sealed one) stands beside it."""
    event = found.get(message_type)
    return message_type if event is None or event.form is MESSAGES[message_type].form else f"{message_type}.message"


def bare(schema: Any) -> Any:
    """A JSON schema without the words that may change freely."""
    if isinstance(schema, dict):
        return {
            key: {name: bare(value) for name, value in inner.items()} if key in ("properties", "$defs") else bare(inner)
            for key, inner in schema.items()
            if key not in ("title", "description")
        }
    return [bare(item) for item in schema] if isinstance(schema, list) else schema

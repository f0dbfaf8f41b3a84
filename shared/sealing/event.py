"""Events with sealed fields: declared once, sealed on the way in, closed on the way out.

    class ProgressNoteDrafted(Event):
        TYPE = "session-notes.progress-note-drafted"
        RECORD = "note_id"
        note_id: UUID
        sections: Annotated[Sealed[dict[str, str]], KeyClass.PROGRESS_NOTE]

All sealed fields of an event belong to one record, the one its `RECORD` field names, and are sealed by that record's key. What
concerns several clients is an event for each (ADR 0016).
"""

from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any, ClassVar, get_args, get_origin
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

from shared.sealing import cobblestone
from shared.sealing.context import SealContext, encoded
from shared.sealing.errors import CannotSeal, WrongKey
from shared.sealing.field import Ciphertext, Sealed, spelled
from shared.sealing.key import ContentClass, SealingKey
from shared.sealing.padding import pad


class Event(BaseModel):
    """Base of every stored event. Fields are public unless declared `Annotated[Sealed[T], KeyClass.…]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    TYPE: ClassVar[str]
    SCHEMA_VERSION: ClassVar[int] = 1
    RECORD: ClassVar[str]
    """name of the field that holds the record id"""

    client_id: UUID

    @property
    def record_id(self) -> UUID:
        value = getattr(self, self.RECORD)
        assert isinstance(value, UUID)
        return value


@cache
def sealed_fields(model: type[Event]) -> dict[str, ContentClass]:
    """Sealed fields of an event type with their key classes.

    TypeError where a sealed field declares no class, or stands inside another type (`Sealed[T] | None`: write
    `Sealed[T | None]`, so that absence is sealed as well).
    """
    found: dict[str, ContentClass] = {}
    for name, info in model.model_fields.items():
        if get_origin(info.annotation) is not Sealed and info.annotation is not Sealed:
            if _mentions_sealed(info.annotation):
                raise TypeError(f"{model.__name__}.{name}: Sealed stands outermost, never inside another type")
            continue
        classes = [m for m in info.metadata if isinstance(m, ContentClass)]
        if len(classes) != 1:
            raise TypeError(f"{model.__name__}.{name}: a sealed field declares exactly one key class")
        found[name] = classes[0]
    return found


def _mentions_sealed(annotation: Any) -> bool:
    return annotation is Sealed or get_origin(annotation) is Sealed or any(map(_mentions_sealed, get_args(annotation)))


def seal(event: Event, *, tenant: str, event_id: UUID, key: SealingKey | None, random: Callable[[int], bytes]) -> bytes:
    """The event's data as stored: JSON (UTF-8), sealed fields encrypted under `key`.

    `key` may be None only where no sealed field is declared. WrongKey where the key is another record's or class's;
    CannotSeal where a value is not JSON.
    """
    model = type(event)
    sealed = sealed_fields(model)
    data: dict[str, Any] = event.model_dump(mode="json", exclude=set(sealed))
    if sealed:
        record, client, place = data[model.RECORD], data["client_id"], str(event_id)
        event_type, version = model.TYPE, model.SCHEMA_VERSION
        for name, key_class in sealed.items():
            if key is None or key.record_id != record or key.key_class != key_class:
                raise WrongKey(f"{event_type}: /{name} wants the key of its own record and class")
            context = encoded(tenant, client, event_type, version, place, f"/{name}", key.kid)
            plain = pad(_json(getattr(event, name).value))
            data[name] = spelled(key.kid, cobblestone.encrypt(key.key, plain, context, random=random))
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def _json(value: Any) -> bytes:
    if not _finite(value):  # orjson would write null in its place, and nobody would notice
        raise CannotSeal("a number that is not finite cannot be sealed")
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        raise CannotSeal("only JSON can be sealed: text without lone surrogates, whole numbers of 64 bits, text keys") from None


def _finite(value: Any) -> bool:
    if isinstance(value, str):
        return True
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list | tuple) else True


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        data = value.model_dump(mode="json")
        if _finite(data):
            return data
    raise TypeError


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""pure dict → dict, from one schema version to the next; sealed fields pass through closed"""


class EventTypes:
    """Every event type a service ever wrote, and how old versions become today's."""

    def __init__(self, *models: type[Event], upcasters: dict[tuple[str, int], Upcaster] | None = None) -> None:
        self._models = {m.TYPE: m for m in models}
        self._upcasters = upcasters or {}
        for model in models:
            sealed_fields(model)
            missing = [v for v in range(1, model.SCHEMA_VERSION) if (model.TYPE, v) not in self._upcasters]
            if missing:
                raise TypeError(f"{model.TYPE} has no upcaster from version {missing[0]}: what was written so cannot be read")

    @classmethod
    def joined(cls, *parts: "EventTypes") -> "EventTypes":
        """The types of several capabilities as one list."""
        upcasters = {place: upcast for part in parts for place, upcast in part._upcasters.items()}
        return cls(*(model for part in parts for model in part.models), upcasters=upcasters)

    @property
    def models(self) -> tuple[type[Event], ...]:
        return tuple(self._models.values())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._models)

    def load(self, *, tenant: str, event_type: str, schema_version: int, event_id: UUID, data: bytes) -> Event:
        """The typed event with its sealed fields closed. KeyError where the type, or that version of it, is unknown."""
        model = self._models[event_type]
        newest = model.SCHEMA_VERSION
        if schema_version > newest:  # written by a newer release: guessing would misread it
            raise KeyError(f"{event_type} version {schema_version}")
        raw: dict[str, Any] = orjson.loads(data)
        client, place = str(raw["client_id"]), str(event_id)
        for name, value in raw.items():
            if isinstance(value, dict) and "$enc" in value:
                ciphertext = Ciphertext.from_json(value)
                context = SealContext(tenant, client, event_type, schema_version, place, f"/{name}", ciphertext.kid)
                raw[name] = Sealed.closed(ciphertext, context)
        for version in range(schema_version, newest):
            raw = self._upcasters[event_type, version](raw)
        return model.model_validate(raw)

"""`Sealed[T]`: a field of an event that only a record key opens.

A field is declared once, on the event's model, with its key class:

    sections: Annotated[Sealed[dict[str, str]], KeyClass.PROGRESS_NOTE]

In memory it is *open* (holds its value: just written, or opened by a key) or *closed* (holds ciphertext and its context).
At rest and on the wire it is `{"$enc": "c1", "kid": "…", "ct": "<base64url>"}`.
"""

from typing import Any, Generic, NamedTuple, TypeVar, cast, get_args

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from shared import base64url
from shared.sealing import cobblestone
from shared.sealing.context import FORMAT, SealContext
from shared.sealing.errors import CannotOpen, NotOpened, WrongKey
from shared.sealing.key import SealingKey
from shared.sealing.padding import unpad

T = TypeVar("T")


def spelled(kid: str, ct: bytes) -> dict[str, str]:
    """A ciphertext as it stands at rest and on the wire."""
    return {"$enc": FORMAT, "kid": kid, "ct": base64url.encode(ct)}


class Ciphertext(NamedTuple):
    kid: str
    ct: bytes

    def as_json(self) -> dict[str, str]:
        return spelled(self.kid, self.ct)

    @classmethod
    def from_json(cls, value: Any) -> "Ciphertext":
        if not isinstance(value, dict) or len(value) != 3 or value.get("$enc") != FORMAT:
            raise CannotOpen("not a sealed value of the one known format")
        kid, ct = value.get("kid"), value.get("ct")
        if not isinstance(kid, str) or not isinstance(ct, str):
            raise CannotOpen("key id and ciphertext of a sealed value are strings")
        try:
            # one spelling alone is taken, so that no byte can change unseen
            return cls(kid, base64url.decode(ct))
        except ValueError:
            raise CannotOpen("sealed value is not base64url, or not its canonical spelling") from None


class Sealed(Generic[T]):
    """Open or closed; never shows its value in repr, str or an exception."""

    __slots__ = ("_adapter", "_ciphertext", "_context", "_is_open", "_value")

    def __init__(self, value: T) -> None:
        self._is_open = True
        self._value: T | None = value
        self._ciphertext: Ciphertext | None = None
        self._context: SealContext | None = None
        self._adapter: TypeAdapter[T] | None = None

    @classmethod
    def closed(cls, ciphertext: Ciphertext, context: SealContext) -> "Sealed[T]":
        self = cls.__new__(cls)
        self._is_open, self._value = False, None
        self._ciphertext, self._context, self._adapter = ciphertext, context, None
        return self

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def kid(self) -> str | None:
        return self._ciphertext.kid if self._ciphertext else None

    @property
    def ciphertext(self) -> Ciphertext:
        if self._ciphertext is None:
            raise NotOpened("this value has not been sealed yet")
        return self._ciphertext

    @property
    def context(self) -> SealContext:
        """What a closed field is bound to; NotOpened where it has not been sealed yet."""
        if self._context is None:
            raise NotOpened("this value has not been sealed yet")
        return self._context

    @property
    def value(self) -> T:
        """The plaintext of an open field; NotOpened where it is closed."""
        if not self._is_open:
            raise NotOpened("this field is sealed: open it with its record's key")
        return cast(T, self._value)

    def open(self, key: SealingKey) -> T:
        """The plaintext of this field, by its record's key. The field itself stays closed."""
        if self._is_open:
            return cast(T, self._value)
        ciphertext, context = self._ciphertext, self._context
        assert ciphertext is not None and context is not None
        if key.kid != ciphertext.kid:
            raise WrongKey("this record key is not the one that sealed the field")
        plain = unpad(cobblestone.decrypt(key.key, ciphertext.ct, context.encode()))
        if self._adapter is None:
            raise NotOpened("this field was not loaded through its event's model")
        try:
            return self._adapter.validate_json(plain)
        except ValidationError:  # its text quotes the plaintext
            raise CannotOpen("what was sealed is not of the type that the event declares") from None

    def __repr__(self) -> str:
        return "Sealed(open)" if self._is_open else f"Sealed(kid={self.kid!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        arguments = get_args(source)
        adapter: TypeAdapter[Any] = TypeAdapter(arguments[0] if arguments else Any)

        def accept(value: Any) -> "Sealed[Any]":
            if isinstance(value, Sealed):
                if value._is_open:
                    try:
                        value._value = adapter.validate_python(value._value)
                    except ValidationError as error:  # its text quotes the plaintext
                        faults = sorted({e["type"] for e in error.errors(include_input=False, include_context=False)})
                        raise ValueError(f"the value to seal is not of its declared type ({', '.join(faults)})") from None
                value._adapter = adapter
                return value
            raise ValueError("a sealed field takes Sealed(value), never the bare value")

        return core_schema.no_info_plain_validator_function(
            accept,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda v: v.ciphertext.as_json(), when_used="always"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "title": "Sealed",
            "properties": {"$enc": {"const": FORMAT}, "kid": {"type": "string"}, "ct": {"type": "string"}},
            "required": ["$enc", "kid", "ct"],
            "additionalProperties": False,
        }

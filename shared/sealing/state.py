"""A folded state as JSON with its sealed fields closed: what may be kept beside the events, because it opens nothing.

A sealed field stands there as `{"$enc": "c1", "kid": "…", "ct": "<base64url>", "of": [type, schema version, event id, pointer]}`:
outside of its event, the place that it is bound to has to be told.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, TypeAdapter

from shared.sealing.context import SealContext
from shared.sealing.errors import CannotOpen, CannotSeal, NotOpened
from shared.sealing.field import Ciphertext, Sealed

State = TypeVar("State")


def dump_closed(state: Any, *, tenant: str, client_id: UUID) -> bytes:
    """The state's JSON (UTF-8), always the same for the same state; `state`: dataclasses and models of JSON values, UUIDs, times
    and sealed fields.

    NotOpened where a field is open: what it says would stand in the clear. CannotSeal for a field of another client or tenant,
    and for what is not JSON.
    """
    try:
        return orjson.dumps(state, default=_plainly(tenant, str(client_id)), option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        if isinstance(error.__cause__, NotOpened | CannotSeal):
            raise error.__cause__ from None
        raise CannotSeal("the state holds what is not JSON") from None


def load_closed(form: TypeAdapter[State], data: bytes, *, tenant: str, client_id: UUID) -> State:
    """The state again, its sealed fields closed. ValueError where it is not of that form, CannotOpen where a field is none."""
    return form.validate_python(_closed(orjson.loads(data), tenant, str(client_id)))


def _plainly(tenant: str, client: str) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Sealed):
            if value.is_open:
                raise NotOpened("an open field is not kept: fold the events as they are stored")
            of = value.context
            if (of.tenant, of.client_id) != (tenant, client):
                raise CannotSeal("a field of another client's record cannot be kept with this one's")
            return {**value.ciphertext.as_json(), "of": [of.event_type, of.schema_version, of.event_id, of.pointer]}
        if isinstance(value, BaseModel):
            return {name: getattr(value, name) for name in type(value).model_fields}
        raise CannotSeal(f"the state holds a {type(value).__name__}, which is not JSON")

    return plain


def _closed(raw: Any, tenant: str, client: str) -> Any:
    if isinstance(raw, list):
        return [_closed(value, tenant, client) for value in raw]
    if not isinstance(raw, dict):
        return raw
    if "$enc" not in raw:
        return {name: _closed(value, tenant, client) for name, value in raw.items()}
    of = raw.pop("of", None)
    ciphertext = Ciphertext.from_json(raw)
    if not isinstance(of, list) or [type(part) for part in of] != [str, int, str, str]:
        raise CannotOpen("a kept field does not say where it belongs")
    kind, version, event_id, pointer = of
    return Sealed.closed(ciphertext, SealContext(tenant, client, kind, version, event_id, pointer, ciphertext.kid))

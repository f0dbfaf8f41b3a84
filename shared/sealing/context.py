"""What a sealed value is bound to. Each part is length-prefixed, never joined by a separator (no two lists look alike)."""

from functools import lru_cache
from typing import NamedTuple

FORMAT = "c1"
"""the only format there is; another one is refused, so there is no downgrade"""


class SealContext(NamedTuple):
    """Where a value stands. Opening it anywhere else fails."""

    tenant: str
    client_id: str
    event_type: str
    schema_version: int
    """as written, not as upcast"""
    event_id: str
    pointer: str
    """JSON pointer of the field in the event's data"""
    kid: str

    def encode(self) -> bytes:
        return encoded(*self)


def encoded(tenant: str, client_id: str, event_type: str, schema_version: int, event_id: str, pointer: str, kid: str) -> bytes:
    """A context as it goes into the key derivation; sealing makes no SealContext for it, which would cost it a twentieth."""
    return _place(tenant, client_id, event_type, schema_version, event_id) + _prefixed(pointer) + _prefixed(kid)


def _prefixed(part: str) -> bytes:
    encoded = part.encode()
    return len(encoded).to_bytes(4, "big") + encoded


@lru_cache(maxsize=256)
def _place(tenant: str, client_id: str, event_type: str, schema_version: int, event_id: str) -> bytes:
    """What all fields of one event share; kept because they are sealed and opened one after another."""
    return b"".join(map(_prefixed, (FORMAT, tenant, client_id, event_type, str(schema_version), event_id)))

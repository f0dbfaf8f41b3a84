"""What a sealed value is bound to. Each part is length-prefixed, never joined by a separator (no two lists look alike)."""

from dataclasses import dataclass

FORMAT = "c1"
"""the only format there is; another one is refused, so there is no downgrade"""


@dataclass(frozen=True, slots=True)
class SealContext:
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
        parts = (
            FORMAT,
            self.tenant,
            self.client_id,
            self.event_type,
            str(self.schema_version),
            self.event_id,
            self.pointer,
            self.kid,
        )
        encoded = [p.encode() for p in parts]
        return b"".join(len(p).to_bytes(4, "big") + p for p in encoded)

"""Keys of the gate to which notes are sealed while it cannot be reached: how long one is written to, and how long it opens."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared import base64url

ROTATED_AFTER: Final = timedelta(days=7)
"""a new key is published then"""
WRITTEN_FOR: Final = timedelta(days=14)
"""so a service that last heard of the gate at the end of a key's week can still write for a week"""
OPENS_FOR: Final = timedelta(days=44)
"""from its making: a note waits at least 30 days for its reconciliation, then the private key is destroyed"""
_ENTROPY: Final = 16
_LABEL: Final = b"alliance-record/gate-key/v1"


@dataclass(frozen=True, slots=True)
class PublishedKey:
    key_id: str
    public: bytes
    """X25519, 32 bytes"""
    created_at: datetime

    @property
    def written_until(self) -> datetime:
        return self.created_at + WRITTEN_FOR

    def due(self, now: datetime) -> bool:
        return now - self.created_at >= ROTATED_AFTER


@dataclass(frozen=True, slots=True)
class OpeningKey:
    private: bytes = field(repr=False)
    """X25519, 32 bytes"""
    created_at: datetime

    def was_written_to(self, at: datetime, leeway: timedelta) -> bool:
        """Whether something may have been sealed to it then."""
        return self.created_at - leeway <= at <= self.created_at + WRITTEN_FOR + leeway


def gate_key_id(entropy: bytes) -> str:
    """`g_` and 22 characters of base64url, from 16 random bytes."""
    if len(entropy) != _ENTROPY:
        raise ValueError(f"a key id is made of {_ENTROPY} random bytes, not {len(entropy)}")
    return "g_" + base64url.encode(entropy)


def gate_key_context(key_id: str) -> bytes:
    """What the KMS binds the private key to."""
    name = key_id.encode()
    return _LABEL + len(name).to_bytes(4, "big") + name

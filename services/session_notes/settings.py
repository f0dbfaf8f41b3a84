"""What may be set for this service from outside."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    max_note_bytes: int = 1_048_576
    """bytes of the JSON body of a note"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """ValueError where a value is no whole number above 0."""
        raw = env.get("MAX_NOTE_BYTES")
        if raw is None:
            return cls()
        if not raw.isascii() or not raw.isdigit() or int(raw) == 0:
            raise ValueError("MAX_NOTE_BYTES: a whole number of bytes above 0")
        return cls(max_note_bytes=int(raw))

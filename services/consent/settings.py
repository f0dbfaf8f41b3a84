"""What may be set for this service from outside."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    heartbeat_seconds: float = 1.0
    """between two policy heartbeats; the gate asks the feed after 2 s of silence, so keep it below"""

    deadline_seconds: float = 5.0
    """between two looks at what has come to its time; the gate itself decides by the instants, whether or not it is noted yet"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """ValueError where the value is no number of seconds between 0.1 and 2."""
        raw = env.get("POLICY_HEARTBEAT_SECONDS")
        if raw is None:
            return cls()
        try:
            seconds = float(raw)
        except ValueError:
            seconds = 0.0
        if not 0.1 <= seconds < 2:
            raise ValueError("POLICY_HEARTBEAT_SECONDS: seconds from 0.1 to below 2")
        return cls(heartbeat_seconds=seconds)

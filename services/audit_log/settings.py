"""What may be set for this service from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from services.audit_log.application.grants import GRANT_ROLES
from services.audit_log.domain.keys import KeyRotation
from services.audit_log.domain.release import RELEASE_DELAY
from shared.identity.roles import Role


@dataclass(frozen=True, slots=True)
class Settings:
    release_delay: timedelta = RELEASE_DELAY
    """after which a rating released as `delayed` becomes visible"""
    break_glass_roles: frozenset[Role] = GRANT_ROLES
    """groups that may break the glass"""
    log_origin: str | None = None
    """`<host>/<deployment>` that names the logs of this deployment for ever; absent: host of the public address"""

    key_rotation: KeyRotation = field(default_factory=KeyRotation)
    """when a data key gives way to a new version for new records"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """ValueError names the variable that cannot be used."""
        default = cls()
        days = env.get("AUDIT_LOG_RELEASE_DELAY_DAYS", str(default.release_delay.days))
        if not days.isdigit() or not 1 <= int(days) <= 365:
            raise ValueError("AUDIT_LOG_RELEASE_DELAY_DAYS: whole days from 1 to 365")
        roles = default.break_glass_roles
        named = env.get("AUDIT_LOG_BREAK_GLASS_ROLES")
        if named is not None:
            try:
                roles = frozenset(Role(r.strip()) for r in named.split(",") if r.strip())
            except ValueError:
                raise ValueError("AUDIT_LOG_BREAK_GLASS_ROLES: roles, separated by commas") from None
        rotation = KeyRotation(
            timedelta(days=_whole(env, "AUDIT_LOG_DATA_KEY_DAYS", default.key_rotation.after.days, 3_650)),
            _whole(env, "AUDIT_LOG_DATA_KEY_RECORDS", default.key_rotation.records, 1_000_000),
        )
        return cls(timedelta(days=int(days)), roles, env.get("AUDIT_LOG_ORIGIN") or None, rotation)


def _whole(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise ValueError(f"{name}: a whole number from 1 to {most}")
    return int(text)

"""What may be set for this service from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.session_notes.desk.application.downtime import Bounds
from shared.entry.json_text import LARGEST_INTEGER
from shared.entry.numbers import whole_number


@dataclass(frozen=True, slots=True)
class Settings:
    max_note_bytes: int = 1_048_576
    """bytes of the JSON body of a note"""
    plan_review_days: int = 90
    """from one review of a plan to the next, at most"""
    plan_review_citation: str = "Kansas R03-606: reviewed at most every 90 days; set your own with PLAN_REVIEW_CITATION"
    """the rule that says so, as each plan names it"""
    concern_days: int = 14
    """within which a client's concern is to be answered"""
    downtime: Bounds = field(default_factory=Bounds)
    """of what may be written while the gate is away"""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Settings":
        """ValueError names the variable that cannot be used."""
        usual = cls()
        return cls(
            max_note_bytes=_whole(env, "MAX_NOTE_BYTES", usual.max_note_bytes, least=1),
            plan_review_days=_whole(env, "PLAN_REVIEW_DAYS", usual.plan_review_days, least=1),
            plan_review_citation=env.get("PLAN_REVIEW_CITATION", usual.plan_review_citation),
            concern_days=_whole(env, "CONCERN_DAYS", usual.concern_days, least=1),
            downtime=Bounds(
                after_seconds=_whole(env, "DOWNTIME_AFTER_SECONDS", usual.downtime.after_seconds),
                hours=_whole(env, "DOWNTIME_HOURS", usual.downtime.hours),
                notes=_whole(env, "DOWNTIME_NOTES", usual.downtime.notes),
                of_one_author=_whole(env, "DOWNTIME_NOTES_OF_ONE_AUTHOR", usual.downtime.of_one_author),
            ),
        )


def _whole(env: Mapping[str, str], name: str, usual: int, *, least: int = 0) -> int:
    raw = env.get(name)
    if raw is None:
        return usual
    try:
        return whole_number(raw, least, LARGEST_INTEGER)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None

"""The words of a prompt for the next session. Pure.

A prompt is made after every answered alliance rating, with and without strain, and its body always fills the same padding
bucket: neither its being there nor its size tells anything.
"""

from typing import Any, Final

from services.alliance_measurement.courses.domain.strain import Course

STRAIN: Final = (
    "Score drop consistent with strain between you: consider inviting the client to talk about how the work together feels."
)
REPAIRED: Final = "Scores are back near where they were: consider asking what helped."


def prompt_body(instrument_id: str, course: Course | None) -> dict[str, Any]:
    """Body of `alliance.prompt-prepared` for the newest session of a course; None where no rule applies to the instrument."""
    newest = course.episodes[-1] if course is not None and course.episodes else None
    kind, text = "none", ""
    if course is not None and newest is not None:
        if newest.repaired_at is None:
            kind, text = "strain", STRAIN
        elif newest.repaired_at == course.before + len(course.flags):
            kind, text = "repaired", REPAIRED
    about = newest if newest is not None and kind != "none" else None
    return {
        "kind": kind,
        "text": text,
        "instrument": instrument_id,
        "onset": about.onset if about else None,
        "repaired_at": about.repaired_at if about else None,
    }

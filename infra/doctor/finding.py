"""What doctor says of one thing: whether it is well, and else what it means and which command mends it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    WELL = "well"
    WARNING = "warning"
    """works now, and will not for ever"""
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    state: State
    said: str
    """what was seen, without any secret"""
    why: str = ""
    """what it means for the people who use the record"""
    mend: str = ""
    """the command that mends it, or the page that leads through it"""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def well(check: str, said: str) -> Finding:
    return Finding(check, State.WELL, said)


def warning(check: str, said: str, why: str, mend: str) -> Finding:
    return Finding(check, State.WARNING, said, why, mend)


def fault(check: str, said: str, why: str, mend: str) -> Finding:
    return Finding(check, State.FAULT, said, why, mend)

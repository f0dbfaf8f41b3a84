"""A request for an accounting of disclosures and its clock (45 CFR 164.528(c)).

The practice answers within 60 days. Once, and before these are over, it may take 30 days more: then it tells the client in
writing why, and the day by which the accounting comes. The first accounting in twelve months costs nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

WITHIN: Final = timedelta(days=60)
EXTENSION: Final = timedelta(days=30)
FREE_AFTER: Final = timedelta(days=365)


class Standing(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Asked:
    id: str
    client_id: str
    asked_on: date
    """the day on which the practice received it"""
    entered_by: str
    free: bool
    """the first one within twelve months (164.528(c)(2))"""
    extended_to: date | None = None
    answered_on: date | None = None

    @property
    def due_on(self) -> date:
        return self.extended_to or self.asked_on + WITHIN

    @property
    def latest(self) -> date:
        """The last day that an extension may name."""
        return self.asked_on + WITHIN + EXTENSION

    def standing(self, today: date) -> Standing:
        if self.answered_on is not None:
            return Standing.ANSWERED
        return Standing.OVERDUE if today > self.due_on else Standing.OPEN


def why_not_extended(asked: Asked, today: date) -> str:
    """Why it cannot have more time, in words; empty where it can."""
    if asked.answered_on is not None:
        return "It was answered already."
    if asked.extended_to is not None:
        return "It has had its one extension already (164.528(c)(1)(ii))."
    if today > asked.due_on:
        return "Its 60 days are over: an extension is told to the client before (164.528(c)(1)(ii)(A))."
    return ""


def is_free(asked_on: date, earlier: list[date]) -> bool:
    return not any(timedelta() <= asked_on - day < FREE_AFTER for day in earlier)

"""A worked course as data: who meets whom, what they agreed on, and what happened session by session. Fictional throughout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    sub: str
    name: str
    role: str = "therapist"


@dataclass(frozen=True, slots=True)
class Meeting:
    """One appointment. `note` is the progress note's text, or its sections by name."""

    week: int
    note: str | Mapping[str, str] = ""
    private: Mapping[str, str] | None = None
    """sections of a psychotherapy note"""
    moments: tuple[Mapping[str, Any], ...] = ()
    alliance: int | None = None
    """total of the client's WAI-SR, 12 to 60"""
    outcome: int | None = None
    attained: int | None = None
    """level of the first goal, -2 to 2"""
    homework: str | None = None
    done: tuple[str, str] | None = None
    """how the homework before went, and the client's words"""
    attendance: str = "attended"
    boundary: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    key: str
    title: str
    modality: str
    client: Person
    birth_date: str
    therapist: Person
    supervisor: Person | None
    hour: int
    problems: tuple[str, ...]
    strengths: tuple[str, ...]
    goal: Mapping[str, Any]
    intervention: Mapping[str, str]
    agrees: str
    """what the client says to the goal"""
    measure: str
    format: str
    """of its progress notes: SOAP, DAP, BIRP, GIRP or narrative"""
    meetings: tuple[Meeting, ...]
    review: str
    """what the review after half of the time says"""
    concern: str | None = None
    concern_answer: str | None = None


LAST_WEEK = 25
"""of a course, counted from 0: half a year"""


def levels(*said: str) -> dict[str, str]:
    """Of goal attainment scaling, the lowest first."""
    return dict(zip(("-2", "-1", "0", "1", "2"), said, strict=True))

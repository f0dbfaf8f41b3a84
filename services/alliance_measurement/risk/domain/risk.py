"""Answers to critical items: who is told, in which order, what the client is promised. Pure.

One alert is one record, addressed to one person. A case is all alerts of one administration: the first is raised with the
answer, the next by escalation or hand-over, and one acknowledgement settles the case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.alliance_measurement.instruments.domain.instrument import CriticalItem, Instrument, OnCall
from shared.contracts.records import KeyClass
from shared.entry.text import Exact, Line, Lines
from shared.sealing.event import Event, EventTypes
from shared.sealing.field import Sealed

DEFAULT_MINUTES: Final = 15
ANYWHERE: Final = "*"


class Because(StrEnum):
    """Why this person is told."""

    ANSWERED = "answered"
    ESCALATED = "escalated"
    HANDED_OVER = "handed_over"


class RiskAlertRaised(Event):
    TYPE: ClassVar[str] = "alliance.risk-alert-raised"
    RECORD: ClassVar[str] = "alert_id"
    alert_id: UUID
    administration_id: UUID
    addressee: str | None
    """`sub` of who is told; None where nobody could be found: the compliance officer is told"""
    because: Because
    raised_at: datetime
    """when the critical item was answered"""
    at: datetime
    body: Annotated[Sealed[dict[str, Any]], KeyClass.MEASURES]
    """`{"instrument": id, "items": [{"item": n, "answer": n, "loinc": str|null}]}`"""


class RiskAlertDelivered(Event):
    """Its addressee saw it for the first time."""

    TYPE: ClassVar[str] = "alliance.risk-alert-delivered"
    RECORD: ClassVar[str] = "alert_id"
    alert_id: UUID
    administration_id: UUID
    at: datetime


class RiskAlertAcknowledged(Event):
    TYPE: ClassVar[str] = "alliance.risk-alert-acknowledged"
    RECORD: ClassVar[str] = "alert_id"
    alert_id: UUID
    administration_id: UUID
    by: str
    at: datetime
    note: Annotated[Sealed[str | None], KeyClass.MEASURES]


class RiskAlertHandedOver(Event):
    TYPE: ClassVar[str] = "alliance.risk-alert-handed-over"
    RECORD: ClassVar[str] = "alert_id"
    alert_id: UUID
    administration_id: UUID
    by: str
    addressee: str
    at: datetime
    reason: Annotated[Sealed[str], KeyClass.MEASURES]


RISK_EVENTS: Final = (
    RiskAlertRaised,
    RiskAlertDelivered,
    RiskAlertAcknowledged,
    RiskAlertHandedOver,
)


EVENT_TYPES: Final = EventTypes(*RISK_EVENTS)


class _Setting(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class WhatNow(_Setting):
    """Whom a client calls now. The practice writes it and says where it has it from: the product names no number of its own."""

    jurisdiction: Annotated[str, Line(40)] = ANYWHERE
    """where the client is: `US-MA`, `DE`, …; `*`: anywhere"""
    setting: Annotated[str, Line(40)] = ANYWHERE
    """`outpatient`, `telehealth`, …; `*`: any"""
    text: Annotated[str, Lines(1000)]
    source: Annotated[str, Line(300)]
    """where the text and its numbers were read, and when"""


DEFAULT_WHAT_NOW: Final = (
    WhatNow(
        text="If you are in danger now, or cannot keep yourself or somebody else safe, call the emergency number of the place "
        "where you are, or go to the nearest emergency department. Do not wait for an answer to this form.",
        source="the product's own words; the practice has not named a number yet",
    ),
)


class RiskSettings(_Setting):
    """Of one tenant."""

    on_call: Annotated[tuple[Annotated[str, Exact(200)], ...], Field(max_length=20)] = ()
    """`sub` of the clinicians on call, in the order in which they are told"""
    escalate_after_minutes: Annotated[int, Field(ge=1, le=240)] = DEFAULT_MINUTES
    """without acknowledgement, until the next person is told"""
    what_now: Annotated[tuple[WhatNow, ...], Field(min_length=1, max_length=50)] = DEFAULT_WHAT_NOW

    @property
    def escalate_after(self) -> timedelta:
        return timedelta(minutes=self.escalate_after_minutes)


@dataclass(frozen=True, slots=True)
class CareTeam:
    """`sub`s of those who hold the relationship now, the longest-held first."""

    therapists: tuple[str, ...] = ()
    supervisors: tuple[str, ...] = ()


def reached(instrument: Instrument, answers: Mapping[int, float]) -> tuple[CriticalItem, ...]:
    """Critical items that were answered at their threshold or above."""
    return tuple(c for c in instrument.critical_items if c.item in answers and answers[c.item] >= c.at_least)


def skipped(instrument: Instrument, missing: Sequence[int]) -> list[int]:
    """Critical items that were left out."""
    return [i for i in missing if i in instrument.critical]


def chain(items: Sequence[CriticalItem], settings: RiskSettings, team: CareTeam) -> tuple[str, ...]:
    """Who is told, one after the other, each once."""
    who = {OnCall.CLINICIAN: settings.on_call, OnCall.THERAPIST: team.therapists, OnCall.SUPERVISOR: team.supervisors}
    told = {o for c in items for o in c.told}
    return tuple(dict.fromkeys(sub for o in OnCall if o in told for sub in who[o]))


def following(order: Sequence[str], told: Sequence[str | None]) -> str | None:
    """The first who was not told yet; None where nobody is left."""
    return next((sub for sub in order if sub not in told), None)


def body_of(instrument_id: str, items: Sequence[CriticalItem], answers: Mapping[int, float]) -> dict[str, Any]:
    listed = [{"item": c.item, "answer": answers[c.item], "loinc": c.loinc} for c in items]
    return {"instrument": instrument_id, "items": listed}


def promise(instrument: Instrument, settings: RiskSettings) -> dict[str, Any] | None:
    """What a rater reads before the first item; None where the instrument has no critical item."""
    if not instrument.critical_items:
        return None
    steps = [
        *(["a clinician on call"] if settings.on_call else []),
        "your therapist",
        "your therapist's supervisor",
        "the compliance officer of the practice, who learns that nobody answered and not what you answered",
    ]
    return {
        "items": sorted(instrument.critical),
        "text": "Some questions ask about danger to you or to others. Your choice of who sees your ratings does not cover them.",
        "told_in_this_order": steps,
        "when": f"The first is told at once. The next is told after {settings.escalate_after_minutes} minutes, unless somebody "
        "has said that they saw it. Perhaps nobody is reading now: do not wait for an answer.",
        "what_now": what_now(settings),
    }


def what_now(settings: RiskSettings) -> list[dict[str, Any]]:
    """Whom to call now, in the practice's own words."""
    return [w.model_dump(mode="json") for w in settings.what_now]


def late_by(raised_at: datetime, delivered_at: datetime) -> int:
    """Whole seconds."""
    return max(0, int((delivered_at - raised_at).total_seconds()))

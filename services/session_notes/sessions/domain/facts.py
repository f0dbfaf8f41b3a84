"""What is written down of a session besides its times: what was planned, where it was held, and what was billed."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from services.session_notes.desk.domain.refusals import Flaw
from shared.values.time import NOT_YET, OUT_OF_RANGE, Place, in_range

_FORM: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Setting(StrEnum):
    """Where the session took place."""

    OFFICE = "office"
    VIDEO = "video"
    TELEPHONE = "telephone"
    HOME = "home"
    OTHER = "other"


class Scheduled(BaseModel):
    """The appointment as it was planned. It says nothing about what happened."""

    model_config = _FORM
    start: datetime
    end: datetime


class Psychotherapy(BaseModel):
    """When the psychotherapy itself began and stopped. Service codes count these minutes."""

    model_config = _FORM
    start: datetime
    stop: datetime


class Service(BaseModel):
    """A service code that a person chose."""

    model_config = _FORM
    system: str
    code: str
    modifiers: tuple[str, ...] = ()


class Facts(BaseModel):
    """All of it may be absent: sessions of earlier releases have none of it."""

    model_config = _FORM
    scheduled: Scheduled | None = None
    psychotherapy: Psychotherapy | None = None
    place: Setting | None = None
    client_location: str | None = None
    """where the client is now: it decides on jurisdiction, and help is sent there in an emergency"""
    therapist_location: str | None = None
    identity_checked: str | bool | None = None
    """whether, or how, it was checked who took part"""
    emergency_contact: str | None = None
    services: tuple[Service, ...] = ()
    zone: str | None = None
    """IANA name of the time zone in which the session took place"""


def fact_flaws(facts: Facts, started: datetime, ended: datetime, now: datetime, place: Place) -> list[Flaw]:
    """What cannot be so about the planned times and the times of the psychotherapy."""
    flaws = []
    planned, therapy = facts.scheduled, facts.psychotherapy
    if planned is not None:
        flaws += _order("/scheduled/start", planned.start, "/scheduled/end", planned.end)
    if therapy is not None:
        flaws += _order("/psychotherapy/start", therapy.start, "/psychotherapy/stop", therapy.stop)
        if not flaws and not place.has_come(therapy.start, now):
            flaws.append(Flaw("/psychotherapy/start", NOT_YET))
        if not flaws and not place.has_come(therapy.stop, now):
            flaws.append(Flaw("/psychotherapy/stop", NOT_YET))
        if not flaws and therapy.start < started:
            flaws.append(Flaw("/psychotherapy/start", "not before started_at"))
        if not flaws and therapy.stop > ended:
            flaws.append(Flaw("/psychotherapy/stop", "not after ended_at"))
    return flaws


def _order(first: str, start: datetime, second: str, end: datetime) -> list[Flaw]:
    outside = [Flaw(at, OUT_OF_RANGE) for at, time in ((first, start), (second, end)) if not in_range(time)]
    if outside:
        return outside
    return [Flaw(second, f"later than {first.rpartition('/')[2]}")] if end <= start else []


def is_late(ended: datetime, written: datetime, zone: str | None) -> bool:
    """Whether it was written down on a later day than the session's. The day is that of the session's zone, where it has one."""
    at = ended.tzinfo if zone is None else ZoneInfo(zone)
    return written.astimezone(at).date() > ended.astimezone(at).date()


def at_the_place(started: datetime, ended: datetime, zone: str) -> dict[str, str | None]:
    """The times as the clock at the place showed them, with the code of its zone (CET, EST …)."""
    begun = started.astimezone(ZoneInfo(zone))
    return {"started_at": begun.isoformat(), "ended_at": ended.astimezone(ZoneInfo(zone)).isoformat(), "code": begun.tzname()}

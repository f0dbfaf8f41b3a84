"""Service codes proposed from the minutes of a session (CPT time rule). A person decides: nothing here is billed.

Source: AMA, Current Procedural Terminology, psychotherapy 90832 to 90853: the bands of minutes.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.session_notes.sessions.domain.facts import Setting
from services.session_notes.sessions.domain.sessions import Attendance, SessionDetails, SessionFormat

CPT: Final = "http://www.ama-assn.org/go/cpt"
_BANDS: Final = ((53, None, "90837"), (38, 52, "90834"), (16, 37, "90832"))
"""fewest minutes, most minutes, code of individual psychotherapy"""
_WITH_OTHERS: Final = {
    SessionFormat.COUPLE: ("90847", "family psychotherapy with the client present"),
    SessionFormat.FAMILY: ("90847", "family psychotherapy with the client present"),
    SessionFormat.GROUP: ("90853", "group psychotherapy"),
}
_MODIFIERS: Final = {Setting.VIDEO: ("95",), Setting.TELEPHONE: ("93",)}
_PLACES: Final = {Setting.OFFICE: ("11",), Setting.VIDEO: ("10", "02"), Setting.TELEPHONE: ("10", "02")}
"""CMS place of service. 10: the client is at home; 02: elsewhere"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    code: str
    modifiers: tuple[str, ...]
    place_of_service: tuple[str, ...]
    """the codes that fit: a person chooses"""
    minutes: int
    rule: str
    system: str = CPT


def suggested(details: SessionDetails) -> list[Suggestion]:
    """What fits an attended session; nothing for a missed one, or for one that is too short."""
    if details.attendance is not Attendance.ATTENDED:
        return []
    therapy = details.psychotherapy
    length = details.ended_at - details.started_at if therapy is None else therapy.stop - therapy.start
    minutes = length // timedelta(minutes=1)
    counted = "from started_at to ended_at" if therapy is None else "of psychotherapy"
    found = _code(details.format, minutes)
    if found is None:
        return []
    code, why = found
    place = details.place or Setting.OTHER
    modifiers, places = _MODIFIERS.get(place, ()), _PLACES.get(place, ())
    return [Suggestion(code, modifiers, places, minutes, f"{minutes} minutes {counted}: {why} (CPT {code})")]


def _code(format: SessionFormat, minutes: int) -> tuple[str, str] | None:
    if format in _WITH_OTHERS:
        return _WITH_OTHERS[format]
    for fewest, most, code in _BANDS:
        if minutes >= fewest:
            return code, f"{fewest} minutes or more" if most is None else f"{fewest} to {most} minutes"
    return None

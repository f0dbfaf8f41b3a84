"""Bodies of a session's facts: shape only."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.session_notes.desk.api.reasons import Reason
from services.session_notes.sessions.domain.facts import Psychotherapy, Scheduled, Service, Setting
from shared.entry.text import Exact, Line
from shared.http.body import Body
from shared.values.time import Instant, place_of

Words = Annotated[str, Line(200)]
Where = Annotated[str, Line(500)]


def _zone(name: str) -> str:
    try:
        place_of(name)
    except ValueError:
        raise ValueError("the name of an IANA time zone, such as Europe/Vienna or America/New_York") from None
    return name


Zone = Annotated[str, Exact(64), AfterValidator(_zone)]
"""name of an IANA time zone, such as Europe/Vienna"""


class ScheduledBody(Body):
    start: Instant
    end: Instant


class PsychotherapyBody(Body):
    start: Instant
    stop: Instant


class ServiceBody(Body):
    system: Annotated[str, Exact(200)]
    code: Annotated[str, Exact(32)]
    modifiers: Annotated[tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")], ...], Field(max_length=4)] = ()


class FactsBody(Body):
    """What may be said of a session besides its times."""

    scheduled: ScheduledBody | None = None
    """the appointment as it was planned"""
    psychotherapy: PsychotherapyBody | None = None
    """when the psychotherapy itself began and stopped: service codes are proposed from these minutes"""
    place: Setting | None = None
    client_location: Where | None = None
    """where the client is now"""
    therapist_location: Where | None = None
    identity_checked: Words | None = None
    """how it was checked who took part"""
    emergency_contact: Where | None = None
    services: Annotated[tuple[ServiceBody, ...], Field(max_length=20)] = ()
    zone: Zone | None = None
    """IANA time zone in which the session took place"""

    def facts(self) -> dict[str, object]:
        """As the domain names them."""
        planned, therapy = self.scheduled, self.psychotherapy
        return {
            "scheduled": None if planned is None else Scheduled(start=planned.start, end=planned.end),
            "psychotherapy": None if therapy is None else Psychotherapy(start=therapy.start, stop=therapy.stop),
            "place": self.place,
            "client_location": self.client_location,
            "therapist_location": self.therapist_location,
            "identity_checked": self.identity_checked,
            "emergency_contact": self.emergency_contact,
            "services": tuple(Service(system=s.system, code=s.code, modifiers=s.modifiers) for s in self.services),
            "zone": self.zone,
        }


class ChangedMembers(Body):
    client_id: UUID | None = None
    """absent, or the client that it has"""
    members: Annotated[tuple[UUID, ...], Field(max_length=30)] | None = None
    """absent, or those that it has"""
    reason: Reason | None = None
    """why it is corrected; it is sealed with the record"""

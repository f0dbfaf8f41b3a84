"""Every event type this service ever wrote."""

from typing import Final

from services.session_notes.boundaries.domain.events import BOUNDARY_EVENTS
from services.session_notes.clients.domain.clients import EVENT_TYPES as CLIENT_EVENTS
from services.session_notes.concerns.domain.concerns import CONCERN_EVENTS
from services.session_notes.moments.domain.moments import MOMENT_EVENTS
from services.session_notes.notes.domain.events import EVENT_TYPES as NOTE_EVENTS
from services.session_notes.plans.domain.events import PLAN_EVENTS
from services.session_notes.risk.domain.records import RISK_EVENTS
from services.session_notes.sessions.domain.sessions import EVENT_TYPES as SESSION_EVENTS
from shared.sealing.event import EventTypes

COURSE_EVENTS: Final = EventTypes(*MOMENT_EVENTS, *PLAN_EVENTS, *BOUNDARY_EVENTS, *CONCERN_EVENTS, *RISK_EVENTS)
EVENT_TYPES: Final = EventTypes.joined(CLIENT_EVENTS, SESSION_EVENTS, NOTE_EVENTS, COURSE_EVENTS)

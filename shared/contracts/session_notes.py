"""`session-notes.v1`: what other services may learn of sessions. No clinical field."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

SESSION_HELD: Final = "session-notes.session-held"
PROGRESS_NOTE_SIGNED: Final = "session-notes.progress-note-signed"
"""type of the event whose receipt opens a note to its client"""


class SessionHeld(BaseModel):
    """A session took place (attendance `attended`): alliance_measurement schedules the client's measure for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    session_id: UUID
    client_id: UUID
    therapist_id: str
    recorded_at: datetime
    """when it was written down; the session's own times are sealed"""

"""`alliance.v1`: what session_notes may learn of measures.

After *every* answered alliance rating one prompt is published, sealed and of equal size whether there is strain or not, so
that neither topic nor size tells. Its key is released only as the client's release choice allows.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from shared.contracts.records import KeyClass
from shared.sealing.event import Event
from shared.sealing.field import Sealed

PROMPT_PREPARED: Final = "alliance.prompt-prepared"
ADMINISTRATION_ANSWERED: Final = "alliance.administration-answered"
"""type of the event whose receipt dates an answer for the gate"""


class PromptPrepared(Event):
    """A prompt for the client's next session, as stored and as published.

    `body`, opened with the key of record `prompt_id` (record type `repair_prompt`), is
    `{"kind": "none"|"strain"|"repaired", "text": str, "instrument": str, "onset": int|null, "repaired_at": int|null}`.
    """

    TYPE: ClassVar[str] = PROMPT_PREPARED
    RECORD: ClassVar[str] = "prompt_id"
    prompt_id: UUID
    body: Annotated[Sealed[dict[str, Any]], KeyClass.MEASURES]
    at: datetime

"""Every message type that crosses between services: its version today, its topic and its form.

Form and version change together: a golden file a type and version (tests/contract/golden) says what each version was.
"""

from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.alliance import PROMPT_PREPARED, PromptPrepared
from shared.contracts.audit import KEY_SHREDDED, KeyShredded
from shared.contracts.consent_policy import POLICY_CHANGED, POLICY_HEARTBEAT, PolicyChange, PolicyHeartbeat
from shared.contracts.course import GOAL_ANSWERED, MOMENT_NOTED, GoalAnswered, MomentNoted
from shared.contracts.downtime import NOTE_WAITS, NoteWaits
from shared.contracts.harm import HARM_TOLD, HarmToldMessage
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, MESSAGE_SKIPPED, RECEIPT, ErasureAcknowledged, MessageSkipped, Receipt
from shared.contracts.risk import RISK_TOLD, RiskToldMessage
from shared.contracts.session_notes import SESSION_HELD, SessionHeld
from shared.contracts.topics import ALLIANCE, AUDIT, CONSENT_POLICY, RECEIPTS, SESSION_NOTES


@dataclass(frozen=True, slots=True)
class MessageType:
    type: str
    topic: str
    form: Any
    """a pydantic model, or a union of them"""
    description: str
    version: int = 1


MESSAGES: Final[dict[str, MessageType]] = {
    m.type: m
    for m in (
        MessageType(POLICY_CHANGED, CONSENT_POLICY, PolicyChange, "A consent or relationship changed: its whole state."),
        MessageType(POLICY_HEARTBEAT, CONSENT_POLICY, PolicyHeartbeat, "The tenant's newest policy sequence."),
        MessageType(SESSION_HELD, SESSION_NOTES, SessionHeld, "A session took place."),
        MessageType(MOMENT_NOTED, SESSION_NOTES, MomentNoted, "A moment of a session, sealed, that the care team may see."),
        MessageType(GOAL_ANSWERED, SESSION_NOTES, GoalAnswered, "Whether client or therapist agrees to a goal, sealed."),
        MessageType(PROMPT_PREPARED, ALLIANCE, PromptPrepared, "A sealed prompt after an answered rating, of equal size always."),
        MessageType(KEY_SHREDDED, AUDIT, KeyShredded, "A client's keys are destroyed: drop what was derived."),
        MessageType(RECEIPT, RECEIPTS, Receipt, "An event was written under that entry of the ledger."),
        MessageType(ERASURE_ACKNOWLEDGED, RECEIPTS, ErasureAcknowledged, "A service dropped what it had derived."),
        MessageType(NOTE_WAITS, RECEIPTS, NoteWaits, "A note was written while the gate was away, and waits for it.", 3),
        MessageType(RISK_TOLD, RECEIPTS, RiskToldMessage, "A person was told of an answer to a critical item: ids and times."),
        MessageType(HARM_TOLD, RECEIPTS, HarmToldMessage, "Harm was noted, or a concern raised: ids and times."),
        MessageType(MESSAGE_SKIPPED, RECEIPTS, MessageSkipped, "An operator gave up a message that could not be handled."),
    )
}
"""Besides these, `consent.v1` carries the consent service's own events as stored."""

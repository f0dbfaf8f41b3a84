"""`receipts.v1`: each producer shows the gate which event it wrote under which ledger entry.

A receipt without its entry, or an entry that allowed something else, is an alarm.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

RECEIPT: Final = "receipt.event-written"
ERASURE_ACKNOWLEDGED: Final = "receipt.erasure-acknowledged"
MESSAGE_SKIPPED: Final = "receipt.message-skipped"


class Receipt(BaseModel):
    """`ce_sequence` is the version of the event in its own stream. A write that was allowed and
    whose receipt never comes is an alarm after ten minutes (ADR 0022)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    event_id: UUID
    event_type: str
    record_id: UUID
    client_id: UUID
    entry: int
    """ledger index under which the event was written"""
    digest: str
    """SHA-256 (hex) of the event's data as stored: of ciphertext, never of plaintext"""


class ErasureAcknowledged(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    erasure_id: UUID
    client_id: UUID
    key_classes: tuple[str, ...]


class MessageSkipped(BaseModel):
    """An operator gave up a message that this service could not handle: it goes to the ledger."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    topic: str
    message_id: UUID
    message_type: str
    client_id: UUID | None
    """None where the message's key names no client"""
    error: str
    """class of the exception that parked it"""
    reason: str
    """the operator's, 1–200 characters; never clinical"""
    skipped_by: str
    at: datetime

"""Writing while the gate is away: what the gate publishes beforehand, and what a service asks of it afterwards (ADR 0015).

While `audit_log` cannot be reached a note is sealed under a fresh secret, which is sealed to the gate's public key and kept
by nobody. Afterwards the service sends that envelope alone, never the note; the gate decides, writes its *late* entry and
returns the secret with the record's key.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from shared.contracts.disclosure import RecordKey, Wire
from shared.contracts.records import NamedRecordType, RecordType

GATE_KEY: Final = "audit.gate-key"
"""`ce_type` of the statement of a gate key, which is signed like an event of `audit.v1` and is none"""
GATE_KEY_PLACE: Final = "gate-key"
"""the message key under which it is signed"""
NOTE_WAITS: Final = "receipt.note-waits"
"""message on `receipts.v1`: the gate learns of every note that waits, so that it can miss one"""
LATE_TYPES: Final = frozenset({RecordType.PROGRESS_NOTE, RecordType.PSYCHOTHERAPY_NOTE})
"""records that may be written while the gate is away"""
WRITTEN_AHEAD: Final = timedelta(seconds=5)
"""how far two clocks may differ"""


class GateKey(BaseModel):
    """A public key of the gate. Times are aware, UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    key_id: str
    public: str
    """X25519 public key (RFC 7748), 64 hex digits"""
    written_from: datetime
    written_until: datetime
    """nothing is sealed to it after this time"""


class GateKeyRequest(Wire, frozen=True, kw_only=True):
    """`POST /v1/gate-key`: the key to be used from now on."""


class SignedGateKey(Wire, frozen=True, kw_only=True):
    statement: bytes
    """JSON of a `GateKey`"""
    headers: dict[str, str]
    """as an event of audit_log on `audit.v1` would carry them, `sig` among them"""


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is sealed to the gate's key. Nothing of it is kept anywhere else."""

    secret: bytes
    """32 bytes under which the note is sealed"""
    token: str
    """the author's own: the gate verifies it as of the time of writing"""
    purpose: str | None
    labels: tuple[str, ...]
    """security labels of the record: sealed, as they tell as much as a word"""

    def __repr__(self) -> str:
        return "Envelope(…)"


class LateWrite(Wire, frozen=True, kw_only=True):
    """`POST /v1/late-writes`: a record that was written while the gate was away. The envelope is bound to all of these."""

    tenant: str
    record_id: str
    client_id: str
    record_type: RecordType
    author: str
    """`sub` of who wrote it"""
    event_id: str
    """of the event that writes the record down; the same at each try"""
    written_at: str
    """RFC 3339, as `instant` writes it"""
    key_id: str
    digest: str
    """SHA-256 (hex) of the event's data as it waits: of ciphertext. Empty where it is gone"""
    request_id: str
    session_id: str | None = None
    """the session that it belongs to: says on which day the care was given. The envelope is not bound to it"""
    envelope: bytes | None
    """None: the service dropped the note with its client's data, and says so"""


class LateOutcome(StrEnum):
    RECONCILED = "reconciled"
    """write it down under `entry`, by `key`; `secret` opens what waits"""
    REFUSED = "refused"
    """not now: it waits, and is asked for again"""
    DROPPED = "dropped"
    """its client's data of this class was erased: delete what waits"""


class LateAnswer(Wire, frozen=True, kw_only=True):
    outcome: LateOutcome
    reason: str
    entry: int
    """ledger index of the late entry"""
    secret: bytes | None = None
    key: RecordKey | None = None
    role: str | None = None
    """the author's role when it was written, for the event's meta"""

    def __repr__(self) -> str:
        return f"LateAnswer({self.outcome!s}, {self.reason!r}, entry={self.entry})"


class NoteWaits(BaseModel):
    """A note was written while the gate was away, and waits."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    record_id: UUID
    client_id: UUID
    record_type: NamedRecordType
    author: str
    key_id: str
    written_at: datetime


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: the one spelling that envelopes are bound to. ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("a time needs its zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")

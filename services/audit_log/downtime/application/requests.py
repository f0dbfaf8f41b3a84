"""What a late write must look like, and the create that it would have been."""

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from services.audit_log.decision.application.refused import Refused
from services.audit_log.gate.application.requests import check_form, check_service
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef, Refusal
from shared.contracts.downtime import LATE_TYPES, Envelope, LateWrite, instant
from shared.contracts.records import RECORD_TYPES, ServiceName
from shared.http.problems import Fault, invalid

MAX_ENVELOPE: Final = 65_536
"""bytes"""
MAX_KEY_ID: Final = 64
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def check(write: LateWrite) -> datetime:
    """The time of writing. Problem 422 with what does not fit."""
    check_form(request_of(write, None))
    try:
        written_at = datetime.fromisoformat(write.written_at)
        if instant(written_at) != write.written_at:
            raise ValueError
    except ValueError:
        raise invalid([Fault("/written_at", "RFC 3339 in UTC with microseconds")]) from None
    try:
        if str(UUID(write.event_id)) != write.event_id:
            raise ValueError
    except ValueError:
        raise invalid([Fault("/event_id", "a UUID in lower case")]) from None
    if not 0 < len(write.key_id) <= MAX_KEY_ID:
        raise invalid([Fault("/key_id", f"1 to {MAX_KEY_ID} characters")])
    if write.envelope is not None and not _SHA256.fullmatch(write.digest):
        raise invalid([Fault("/digest", "SHA-256 in hex")])
    if len(write.envelope or b"") > MAX_ENVELOPE:
        raise invalid([Fault("/envelope", f"at most {MAX_ENVELOPE} bytes")])
    return written_at


def check_owner(service: ServiceName, write: LateWrite) -> None:
    """Refused where the service may not write this type while the gate is away."""
    check_service(service, request_of(write, None))
    if write.record_type not in LATE_TYPES or RECORD_TYPES[write.record_type].owner is not service:
        raise Refused(Refusal.SERVICE, "service-not-of-class")


def request_of(write: LateWrite, envelope: Envelope | None) -> DisclosureRequest:
    """The create that it would have been; without the envelope, as far as it can be told."""
    ref = RecordRef(
        record_id=write.record_id,
        client_id=write.client_id,
        record_type=write.record_type,
        author=write.author,
        labels=envelope.labels if envelope else (),
    )
    return DisclosureRequest(
        tenant=write.tenant,
        action=Action.CREATE,
        caller=Caller(token=envelope.token if envelope else None),
        request_id=write.request_id,
        records=(ref,),
        purpose=envelope.purpose if envelope else None,
    )

"""The short-lived cookie of one device that answers one questionnaire. Pure.

A link's secret is exchanged for it. It says until when it holds and for which device; the service makes the link's secret anew
from its own, so that the cookie holds nothing that opens the link elsewhere.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from shared import base64url

LASTS: Final = timedelta(minutes=30)
"""after the exchange; opening the link again on the same device gives a new one"""
DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""32 random bytes that a device made, base64url"""
_TICKET: Final = re.compile(r"([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)~(\d{1,12})~([0-9a-f]{64})~([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Ticket:
    tenant: str
    device: str
    """SHA-256 in hex of what the device made"""


def device_digest(device: str) -> str:
    return sha256(device.encode()).hexdigest()


def issue(secret: bytes, tenant: str, administration_id: UUID, device: str, now: datetime) -> str:
    """`device` as its digest."""
    until = int((now + LASTS).timestamp())
    return f"{tenant}~{until}~{device}~{_tag(secret, tenant, administration_id, until, device)}"


def read(secret: bytes, administration_id: UUID, value: str | None, now: datetime) -> Ticket | None:
    """None where it is none of this questionnaire's, or has ended."""
    match = _TICKET.fullmatch(value or "")
    if match is None:
        return None
    tenant, until, device, tag = match[1], int(match[2]), match[3], match[4]
    if not hmac.compare_digest(tag, _tag(secret, tenant, administration_id, until, device)):
        return None
    return Ticket(tenant, device) if now.astimezone(UTC).timestamp() < until else None


def _tag(secret: bytes, tenant: str, administration_id: UUID, until: int, device: str) -> str:
    said = f"answering-ticket\x00{tenant}\x00{administration_id}\x00{until}\x00{device}"
    return base64url.encode(hmac.digest(secret, said.encode(), sha256))

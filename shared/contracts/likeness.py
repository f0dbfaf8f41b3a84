"""Whether a member of staff and a client are alike, as session_notes tells the gate through an officer's browser.

session_notes alone can open who a client is. It compares, and signs flags and ids; what was compared never leaves it.
"""

from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

LIKENESS: Final = "session-notes.likeness"
"""`ce_type` of the statement, which is signed like an event and is none: no consumer takes this type"""


class Likeness(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    tenant: str
    client_id: UUID
    sub: str
    """of the member of staff"""
    compared: str
    """`digest_of` the name that was compared: the log holds it against the names under which it knows that person"""
    same_person: bool
    """same full name"""
    same_surname: bool
    same_address: bool
    """False as well where either address is not known"""
    at: datetime


def digest_of(name: str) -> str:
    """Of a name of staff, in any case; hexadecimal."""
    return sha256(name.strip().casefold().encode()).hexdigest()


def key_of(tenant: str, client_id: UUID) -> str:
    return f"{tenant}/{client_id}"

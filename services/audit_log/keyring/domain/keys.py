"""Data keys and record keys: their states, their names, and how one becomes the other. See ADR 0010.

A *data key* (32 random bytes) belongs to a tenant, client, key class and version, and never leaves the keyring. A *record key*
is derived from it for one record, and is what a permit carries.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from shared import base64url
from shared.contracts.disclosure import IndexField
from shared.contracts.records import KeyClass

DATA_KEY_SIZE: Final = 32
"""bytes"""
KEY_ID_ENTROPY: Final = 16
"""random bytes in a key id"""
_KEY_ID: Final = re.compile(r"k_[A-Za-z0-9_-]{22}")
_LABEL: Final = "alliance-record/record-key/v1"
_INDEX_LABEL: Final = "alliance-record/index-key/v1"
INDEX_OWNER: Final = "index"
"""in the place of a client, whose ids are UUIDs: whose data key the tenant's index keys come from; nothing is sealed under it"""
_WRAP_LABEL: Final = "alliance-record/data-key/v1"


class KeyState(StrEnum):
    ACTIVE = "active"
    """new records are sealed under it; one for each tenant, client and class"""
    RETIRED = "retired"
    """a newer version took over; it still opens what it sealed"""
    FENCED = "fenced"
    """an erasure has begun: no new record; it opens until it is destroyed"""
    SHREDDED = "shredded"
    """destroyed; the row stays, so that an erased key is not an unknown one"""


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """When a data key gives way to a new version for new records, by age and by count; the old one still opens what it sealed.

    Cobblestone has no limit of nonces that would matter here; the bound keeps small what one stolen data key opens.
    """

    after: timedelta = timedelta(days=365)
    records: int = 10_000

    def due(self, *, created_at: datetime, uses: int, now: datetime) -> bool:
        return uses >= self.records or now - created_at >= self.after


def key_id(entropy: bytes) -> str:
    """`k_` and 22 characters of base64url, from 16 random bytes. It says nothing of its client or class."""
    if len(entropy) != KEY_ID_ENTROPY:
        raise ValueError(f"a key id is made of {KEY_ID_ENTROPY} random bytes, not {len(entropy)}")
    return "k_" + base64url.encode(entropy)


def is_key_id(text: str) -> bool:
    return _KEY_ID.fullmatch(text) is not None


def extract(data_key: bytes) -> bytes:
    """HKDF-Extract (RFC 5869, SHA-256, no salt) of a data key: done once, each record key is one more HMAC."""
    if len(data_key) != DATA_KEY_SIZE:
        raise ValueError(f"a data key has {DATA_KEY_SIZE} bytes, not {len(data_key)}")
    return hmac.digest(bytes(32), data_key, "sha256")


def record_key(extracted: bytes, *, tenant: str, client_id: str, key_class: KeyClass, record_id: str) -> bytes:
    """The record's key, 32 bytes: HKDF-Expand of an extracted data key over length-prefixed tenant, client, class, record."""
    info = _owner(tenant, client_id, key_class) + _joined(record_id)
    return hmac.digest(extracted, info + b"\x01", "sha256")  # by name: OpenSSL finds it faster than by constructor


def index_key(extracted: bytes, *, tenant: str, field: IndexField) -> bytes:
    """Key of one field's tokens, 32 bytes: derived as a record key is, under a label of its own."""
    return hmac.digest(extracted, _joined(_INDEX_LABEL, tenant, field) + b"\x01", "sha256")


def wrap_context(*, tenant: str, client_id: str, key_class: KeyClass, kid: str) -> bytes:
    """What a wrapped data key is bound to in the KMS: a blob moved to another row does not unwrap."""
    return _joined(_WRAP_LABEL, tenant, client_id, key_class, kid)


@lru_cache(maxsize=1024)
def _owner(tenant: str, client_id: str, key_class: KeyClass) -> bytes:
    """What the records of one client and class share; kept because they are asked for one after another."""
    return _joined(_LABEL, tenant, client_id, key_class)


def _joined(*parts: str) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"".join([len(p).to_bytes(4, "big") + p for p in encoded])

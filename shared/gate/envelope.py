"""An envelope to the gate's public key: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.

`cryptography` offers HPKE's single-shot encryption and not its secret export, so the secret is drawn at random and sealed,
where the export would derive it: who holds the private key learns it, nobody else does (ADR 0015). The library takes no
associated data; everything that binds an envelope to its place goes into `info`, length-prefixed, and so into the keys.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.contracts.disclosure import RecordKey
from shared.contracts.downtime import Envelope, LateWrite
from shared.contracts.records import RECORD_TYPES
from shared.sealing.errors import CannotOpen
from shared.sealing.padding import pad, unpad

SECRET_SIZE: Final = 32
"""bytes"""
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_LABEL: Final = b"alliance-record/downtime/v1"


def new_secret(random: Callable[[int], bytes]) -> bytes:
    return random(SECRET_SIZE)


def waiting_key(write: LateWrite, secret: bytes) -> RecordKey:
    """The secret as the key of the record that waits: fields are sealed by it as they are by a record key."""
    key_class = RECORD_TYPES[write.record_type].key_class
    return RecordKey(record_id=write.record_id, key_class=key_class, kid=write.key_id, key=secret)


def seal_envelope(envelope: Envelope, public: bytes, write: LateWrite) -> bytes:
    """Padded, so that its size tells neither the token's length nor how many labels there are."""
    key = X25519PublicKey.from_public_bytes(public)
    return bytes(_SUITE.encrypt(pad(msgspec.json.encode(envelope)), key, binding(write)))


def open_envelope(private: bytes, write: LateWrite) -> Envelope:
    """CannotOpen: another key, a changed byte, or an envelope of another place."""
    if write.envelope is None:
        raise CannotOpen("there is no envelope")
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        plain = _SUITE.decrypt(write.envelope, key, binding(write))
        envelope = msgspec.json.decode(unpad(plain), type=Envelope)
    except (InvalidTag, ValueError, msgspec.DecodeError):  # a decoder's message may quote what was sealed
        raise CannotOpen("this envelope was sealed to another key or for another place, or was changed") from None
    if len(envelope.secret) != SECRET_SIZE:
        raise CannotOpen("the secret has not the length that this format has")
    return envelope


def binding(write: LateWrite) -> bytes:
    """HPKE's `info`: format, tenant, client, key class, record and its type, event, author, time, the gate's key, and the digest
    of what waits."""
    parts = (
        write.tenant,
        write.client_id,
        str(RECORD_TYPES[write.record_type].key_class),
        str(write.record_type),
        write.record_id,
        write.event_id,
        write.author,
        write.written_at,
        write.key_id,
        write.digest,
    )
    made = [_LABEL]
    for part in parts:
        encoded = part.encode()
        made += (len(encoded).to_bytes(4, "big"), encoded)
    return b"".join(made)

"""Envelopes to the gate's key: bound to their place, opened by that key alone, and HPKE as RFC 9180 says it."""

import hmac
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.contracts.downtime import Envelope, LateWrite
from shared.contracts.records import RecordType
from shared.gate.envelope import binding, open_envelope, seal_envelope
from shared.sealing.errors import CannotOpen
from shared.sealing.padding import unpad

GATE = X25519PrivateKey.generate()
PRIVATE, PUBLIC = GATE.private_bytes_raw(), GATE.public_key().public_bytes_raw()
ENVELOPE = Envelope(secret=b"s" * 32, token="token", purpose="TREAT", labels=("PSYTHPN",))
PLACE = LateWrite(
    tenant="north",
    record_id="record",
    client_id="client",
    record_type=RecordType.PROGRESS_NOTE,
    author="t-rivera",
    event_id="event",
    written_at="2026-03-01T10:00:00.000000+00:00",
    key_id="gk_1",
    digest="0" * 64,
    request_id="r-1",
    envelope=None,
)


def sealed(**changes: Any) -> LateWrite:
    return msgspec.structs.replace(PLACE, envelope=seal_envelope(ENVELOPE, PUBLIC, PLACE), **changes)


def test_what_was_sealed_comes_back() -> None:
    assert open_envelope(PRIVATE, sealed()) == ENVELOPE


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "south"},
        {"client_id": "client2"},
        {"record_type": RecordType.PSYCHOTHERAPY_NOTE},
        {"record_id": "record2"},
        {"event_id": "event2"},
        {"author": "t-okafor"},
        {"written_at": "2026-03-01T10:00:00.000001+00:00"},
        {"key_id": "gk_2"},
        {"digest": "1" * 64},
        {"tenant": "northclient", "client_id": ""},  # the same letters, cut elsewhere
    ],
    ids=lambda change: "+".join(change),
)
def test_each_binding_counts(change: dict[str, Any]) -> None:
    with pytest.raises(CannotOpen):
        open_envelope(PRIVATE, sealed(**change))


def test_the_request_id_is_no_binding() -> None:
    """It differs from try to try."""
    assert open_envelope(PRIVATE, sealed(request_id="r-2")) == ENVELOPE


def test_another_private_key() -> None:
    with pytest.raises(CannotOpen):
        open_envelope(X25519PrivateKey.generate().private_bytes_raw(), sealed())


def test_each_byte_counts() -> None:
    write = sealed()
    assert write.envelope is not None
    for place in range(len(write.envelope)):
        changed = bytearray(write.envelope)
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            open_envelope(PRIVATE, msgspec.structs.replace(write, envelope=bytes(changed)))
    for cut in (0, 16, 32, len(write.envelope) - 1):
        with pytest.raises(CannotOpen):
            open_envelope(PRIVATE, msgspec.structs.replace(write, envelope=write.envelope[:cut]))
    with pytest.raises(CannotOpen):
        open_envelope(PRIVATE, msgspec.structs.replace(write, envelope=write.envelope + b"\x00"))


def test_no_envelope_opens_nothing() -> None:
    with pytest.raises(CannotOpen):
        open_envelope(PRIVATE, PLACE)


def test_sizes_tell_no_labels() -> None:
    labelled = msgspec.structs.replace(ENVELOPE, labels=("PSYTHPN", "ETH"))
    assert len(seal_envelope(labelled, PUBLIC, PLACE)) == len(seal_envelope(ENVELOPE, PUBLIC, PLACE))


def test_nothing_of_it_is_shown() -> None:
    assert "token" not in repr(ENVELOPE) and "s" * 8 not in repr(ENVELOPE)


def test_it_is_hpke_of_rfc_9180() -> None:
    """Opened by the RFC's own steps (4.1, 5.1, 5.2), written out here over X25519 and HMAC."""
    write = sealed()
    assert write.envelope is not None
    encapsulated, ciphertext = write.envelope[:32], write.envelope[32:]
    kem, suite = b"KEM" + (0x20).to_bytes(2, "big"), b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x20, 1, 2))
    shared = GATE.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    secret = _expand(kem, _extract(kem, b"", b"eae_prk", shared), b"shared_secret", encapsulated + PUBLIC, 32)
    context = b"\x00" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", binding(write))
    scheduled = _extract(suite, secret, b"secret", b"")
    key, nonce = _expand(suite, scheduled, b"key", context, 32), _expand(suite, scheduled, b"base_nonce", context, 12)
    plain = AESGCM(key).decrypt(nonce, ciphertext, b"")
    assert msgspec.json.decode(unpad(plain), type=Envelope) == ENVELOPE


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, sha256)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled, made, block = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + labelled + bytes([number]), sha256)
        made += block
    return made[:length]


def test_envelopes_of_one_thing_differ() -> None:
    assert seal_envelope(ENVELOPE, PUBLIC, PLACE) != seal_envelope(ENVELOPE, PUBLIC, PLACE)

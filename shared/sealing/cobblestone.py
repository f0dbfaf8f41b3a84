"""Cobblestone-256: C2SP *chunked-encryption* v1 over AES-256-GCM, key-committing, context bound into the key derivation.

Output: salt (24) || commitment (32) || chunks, each of 16,384 bytes of plaintext + 16 of tag; the last chunk is the one
that is shorter (possibly empty). See c2sp.org/chunked-encryption.
"""

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.sealing.errors import CannotOpen

KEY_SIZE: Final = 32
SALT_SIZE: Final = 24
COMMITMENT_SIZE: Final = 32
CHUNK_SIZE: Final = 16_384
TAG_SIZE: Final = 16
OVERHEAD: Final = SALT_SIZE + COMMITMENT_SIZE + TAG_SIZE
"""bytes added to a plaintext shorter than one chunk"""

_LABEL: Final = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_HASH: Final = SHA512()


def _derive(key: bytes, salt: bytes, context: bytes) -> tuple[AESGCM, bytes, bytes]:
    """Cipher, base nonce and commitment."""
    if len(key) != KEY_SIZE:
        raise ValueError(f"a Cobblestone-256 key has {KEY_SIZE} bytes, not {len(key)}")
    okm = HKDFExpand(_HASH, 76, _LABEL + salt + context).derive(key)
    return AESGCM(okm[:32]), okm[32:44], okm[44:]


def _nonce(base: bytes, chunk: int) -> bytes:
    return (int.from_bytes(base, "big") ^ chunk).to_bytes(len(base), "big") if chunk else base


def encrypt(key: bytes, plaintext: bytes, context: bytes, *, random: Callable[[int], bytes]) -> bytes:
    """Seal `plaintext` under `key` (32 bytes), bound to `context`. `random(n)` gives n random bytes."""
    return _encrypt_from_parts(key, plaintext, context, random(SALT_SIZE))


def _encrypt_from_parts(key: bytes, plaintext: bytes, context: bytes, salt: bytes) -> bytes:
    aead, base, commitment = _derive(key, salt, context)
    parts = [salt, commitment]
    # one chunk more than fills: the last is the short one, so that a cut tail is noticed
    for number in range(len(plaintext) // CHUNK_SIZE + 1):
        chunk = plaintext[number * CHUNK_SIZE : (number + 1) * CHUNK_SIZE]
        parts.append(aead.encrypt(_nonce(base, number), chunk, None))
    return b"".join(parts)


def decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Open `sealed`. Raises CannotOpen where key, context or any byte differs, or anything stands behind the last chunk."""
    header = SALT_SIZE + COMMITMENT_SIZE
    if len(sealed) < header + TAG_SIZE:
        raise CannotOpen("sealed value is too short")
    aead, base, commitment = _derive(key, sealed[:SALT_SIZE], context)
    if not hmac.compare_digest(commitment, sealed[SALT_SIZE:header]):
        raise CannotOpen("sealed value is not committed to this key and context")
    full = CHUNK_SIZE + TAG_SIZE
    body = memoryview(sealed)[header:]
    chunks, last = divmod(len(body), full)
    if last < TAG_SIZE:
        raise CannotOpen("sealed value is cut")
    try:
        return b"".join(
            [aead.decrypt(_nonce(base, number), body[number * full : (number + 1) * full], None) for number in range(chunks + 1)]
        )
    except InvalidTag:
        raise CannotOpen("sealed value was changed") from None

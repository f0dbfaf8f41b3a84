"""The same event sealed and opened by others' means: a plain Cobblestone loop, bare AES-256-GCM, and JWE by joserfc.

Each writes and reads the same JSON shape as `shared.sealing` does, with the same padding where it is their business.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from joserfc import jwe
from joserfc.jwk import OctKey

from shared.sealing.padding import pad, unpad

_LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_CHUNK = 16_384


@dataclass(frozen=True)
class Fields:
    """One event: its public part, what binds it to its place, and what is to be sealed."""

    public: dict[str, str]
    context: tuple[str, ...]
    """tenant, client, type, version, event id, as the sealed fields of the event share them"""
    record: str
    kid: str
    sealed: dict[str, str]


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _context(fields: Fields, name: str) -> bytes:
    parts = ("c1", *fields.context, f"/{name}", fields.kid)
    return b"".join(len(p).to_bytes(4, "big") + p for p in (part.encode() for part in parts))


class PlainLoop:
    """Cobblestone written down as the specification reads, over the same library."""

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key

    def seal(self, fields: Fields) -> bytes:
        key = hmac.digest(self._data_key, fields.record.encode() + b"\x01", sha256)
        data: dict[str, Any] = {}
        for name, text in fields.sealed.items():
            plain, salt, context = pad(orjson.dumps(text)), os.urandom(24), _context(fields, name)
            okm = HKDFExpand(SHA512(), 76, _LABEL + salt + context).derive(key)
            aead, base = AESGCM(okm[:32]), int.from_bytes(okm[32:44], "big")
            sealed = salt + okm[44:]
            for number in range(len(plain) // _CHUNK + 1):
                chunk = plain[number * _CHUNK : (number + 1) * _CHUNK]
                sealed += aead.encrypt((base ^ number).to_bytes(12, "big"), chunk, None)
            data[name] = {"$enc": "c1", "kid": fields.kid, "ct": _encoded(sealed)}
        return orjson.dumps(fields.public | data, option=orjson.OPT_SORT_KEYS)

    def open(self, fields: Fields, stored: bytes) -> list[str]:
        key = hmac.digest(self._data_key, fields.record.encode() + b"\x01", sha256)
        data, found = orjson.loads(stored), []
        for name in fields.sealed:
            raw = _decoded(data[name]["ct"])
            okm = HKDFExpand(SHA512(), 76, _LABEL + raw[:24] + _context(fields, name)).derive(key)
            if not hmac.compare_digest(okm[44:], raw[24:56]):
                raise ValueError
            aead, base, plain, at, number = AESGCM(okm[:32]), int.from_bytes(okm[32:44], "big"), b"", 56, 0
            while True:
                chunk = raw[at : at + _CHUNK + 16]
                plain += aead.decrypt((base ^ number).to_bytes(12, "big"), chunk, None)
                if len(chunk) < _CHUNK + 16:
                    break
                at, number = at + _CHUNK + 16, number + 1
            found.append(orjson.loads(unpad(plain)))
        return found


class BareGcm:
    """AES-256-GCM with one key that stands ready: no commitment, no key of the message's own, 2^32 messages at most."""

    def __init__(self, data_key: bytes) -> None:
        self._aead = AESGCM(data_key)

    def seal(self, fields: Fields) -> bytes:
        data: dict[str, Any] = {}
        for name, text in fields.sealed.items():
            nonce = os.urandom(12)
            sealed = nonce + self._aead.encrypt(nonce, pad(orjson.dumps(text)), _context(fields, name))
            data[name] = {"$enc": "c1", "kid": fields.kid, "ct": _encoded(sealed)}
        return orjson.dumps(fields.public | data, option=orjson.OPT_SORT_KEYS)

    def open(self, fields: Fields, stored: bytes) -> list[str]:
        data, found = orjson.loads(stored), []
        for name in fields.sealed:
            raw = _decoded(data[name]["ct"])
            found.append(orjson.loads(unpad(self._aead.decrypt(raw[:12], raw[12:], _context(fields, name)))))
        return found


class LibraryAlone:
    """What no Cobblestone of three fields over this library is spared: its derivations and its ciphers, nothing around them."""

    def __init__(self, data_key: bytes) -> None:
        self._key = data_key
        self._sealed: list[tuple[bytes, bytes]] = []

    def _derived(self, info: bytes) -> tuple[AESGCM, bytes]:
        okm = HKDFExpand(SHA512(), 76, info).derive(self._key)
        return AESGCM(okm[:32]), okm[32:44]

    def seal(self, fields: Fields) -> bytes:
        self._sealed = []
        for name, text in fields.sealed.items():
            info = _LABEL + os.urandom(24) + _context(fields, name)
            aead, base = self._derived(info)
            self._sealed.append((info, aead.encrypt(base, pad(orjson.dumps(text)), None)))
        return b""

    def open(self, fields: Fields, stored: bytes) -> list[str]:
        found = []
        for info, ciphertext in self._sealed:
            aead, base = self._derived(info)
            found.append(orjson.loads(unpad(aead.decrypt(base, ciphertext, None))))
        return found


class Jwe:
    """joserfc, compact, `dir` with A256GCM, the place in the protected header."""

    def __init__(self, data_key: bytes) -> None:
        self._key = OctKey.import_key(data_key)
        self._algorithms = ["dir", "A256GCM"]

    def seal(self, fields: Fields) -> bytes:
        data: dict[str, Any] = {}
        for name, text in fields.sealed.items():
            header = {"alg": "dir", "enc": "A256GCM", "kid": f"{fields.kid}/{name}"}
            data[name] = jwe.encrypt_compact(header, pad(orjson.dumps(text)), self._key, algorithms=self._algorithms)
        return orjson.dumps(fields.public | data, option=orjson.OPT_SORT_KEYS)

    def open(self, fields: Fields, stored: bytes) -> list[str]:
        data, found = orjson.loads(stored), []
        for name in fields.sealed:
            plain = jwe.decrypt_compact(data[name], self._key, algorithms=self._algorithms).plaintext
            assert plain is not None
            found.append(orjson.loads(unpad(plain)))
        return found

"""C2SP signed-note v1.0.0 with Ed25519 (signature type 0x01): keys, verifier keys, signing and verifying."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = 0x01
MAX_SIGNATURES: Final = 64
_MARK: Final = "\u2014 "
_VKEY = re.compile(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class NoteInvalid(Exception):
    """Not a signed note, or not signed by the key that is asked for."""


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """First four bytes of SHA-256(name ‖ newline ‖ signature type ‖ public key)."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def check_name(name: str) -> str:
    """A key name: not empty, no space, no plus, no control character. Raises ValueError."""
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 or ord(c) == 0x7F for c in name):
        raise ValueError("a key name is not empty and has neither spaces nor '+'")
    return name


class Verifier(Protocol):
    """A trusted key."""

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> bytes: ...

    def holds(self, text: bytes, signature: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature of a note, not verified yet."""

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """As it stands in a note, with its newline."""
        return f"{_MARK}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    name: str
    public: bytes
    """32 bytes (RFC 8032)"""

    @property
    def id(self) -> bytes:
        return key_id(self.name, ED25519, self.public)

    @property
    def vkey(self) -> str:
        """`<name>+<id in hex>+<base64 of type and public key>`"""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([ED25519]) + self.public).decode()}"

    def holds(self, text: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


def split_vkey(vkey: str) -> tuple[str, int, bytes]:
    """Name, signature type and public key of a vkey, its id checked. Raises NoteInvalid."""
    match = _VKEY.fullmatch(vkey)
    if match is None:
        raise NoteInvalid("not a verifier key")
    material = _base64(match[3])
    if len(material) < 2:
        raise NoteInvalid("not a verifier key")
    name, kind, public = match[1], material[0], material[1:]
    if key_id(name, kind, public).hex() != match[2]:
        raise NoteInvalid("the key's id does not belong to its name and bytes")
    return name, kind, public


def parse_vkey(vkey: str) -> Ed25519Verifier:
    """The Ed25519 key of a vkey. Raises NoteInvalid where its id or type does not fit."""
    name, kind, public = split_vkey(vkey)
    if kind != ED25519 or len(public) != 32:
        raise NoteInvalid("not an Ed25519 verifier key")
    return Ed25519Verifier(name, public)


class Ed25519Signer:
    """Signs notes under `name` with the Ed25519 key of a 32-byte seed."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Ed25519Verifier(check_name(name), self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """The signed note of `text`, which ends in a newline."""
        if not text.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in text):
            raise ValueError("a note's text ends in a newline and has no other control character")
        signature = b64encode(self.verifier.id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_MARK}{self.verifier.name} {signature}\n".encode()


def open_note(note: bytes, *trusted: Verifier) -> str:
    """The text of a note that at least one trusted key signed.

    Raises NoteInvalid: wrong form, no known signature, or a known key's signature that does not verify. Signatures of
    unknown keys (witnesses) are passed over.
    """
    text, lines = split_note(note)
    known = {(v.name, v.id): v for v in trusted}
    verified = False
    for line in lines:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        if not verifier.holds(text.encode(), line.signature):
            raise NoteInvalid("a known key's signature does not verify")
        verified = True
    if not verified:
        raise NoteInvalid("no known key signed the note")
    return text


def split_note(note: bytes) -> tuple[str, list[SignatureLine]]:
    """Text and signature lines of a note, nothing verified. Raises NoteInvalid."""
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteInvalid("the note is not UTF-8") from None
    if any(ord(c) < 0x20 and c != "\n" for c in whole):
        raise NoteInvalid("the note has control characters")
    head, gap, tail = whole.rpartition("\n\n")
    if not gap or not head or not tail.endswith("\n"):
        raise NoteInvalid("the note has no signatures")
    return head + "\n", signature_lines(tail)


def signature_lines(text: str) -> list[SignatureLine]:
    """Lines `— <name> <base64>`, each with its newline. Raises NoteInvalid."""
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteInvalid("the note has too many signatures")
    found = []
    for line in lines:
        name, space, encoded = line.removeprefix(_MARK).partition(" ")
        if not line.startswith(_MARK) or not space or not name:
            raise NoteInvalid("a signature line is malformed")
        blob = _base64(encoded)
        if len(blob) < 5:
            raise NoteInvalid("a signature is too short")
        found.append(SignatureLine(name, blob[:4], blob[4:]))
    return found


def _base64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise NoteInvalid("not base64") from None
    if b64encode(data).decode() != text:
        raise NoteInvalid("not canonical base64")
    return data

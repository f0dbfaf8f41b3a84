"""A key pair that a passphrase guards: the public half seals an export, the private half travels in it, sealed itself.

The private half is a JWE by `PBES2-HS512+A256KW` (RFC 7518, 4.8). Its iterations are as many as common libraries agree to open.
"""

import unicodedata
from itertools import pairwise
from typing import Any, Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey

from shared.export.recipient import CONTENT, Jwes, Key

ALGORITHM: Final = "PBES2-HS512+A256KW"
ITERATIONS: Final = 300_000
"""OWASP asks for 210,000 with HMAC-SHA-512 (2023); joserfc opens 300,000 at most, so that nobody is made to compute for ever"""
SHORTEST: Final = 16
"""characters; NIST SP 800-63B-4 asks for 15 where nothing else guards"""
LONGEST: Final = 1_024
DIFFERENT: Final = 8
"""characters that must differ"""
FAMOUS: Final = frozenset({"correcthorsebatterystaple", "thequickbrownfoxjumpsoverthelazydog", "qwertyuiopasdfghjkl"})
"""what every list of guesses begins with, letters alone"""


class WrongPassphrase(Exception):
    """The sealed key does not open with it, or is no sealed key of an export."""


def weakness(passphrase: str) -> str | None:
    """Why it does not do; None where it does. It is never quoted."""
    text = normal(passphrase)
    if not SHORTEST <= len(text) <= LONGEST:
        return f"{SHORTEST} to {LONGEST:,} characters: four or five words that do not belong together"
    if len(set(text.casefold())) < DIFFERENT:
        return f"at least {DIFFERENT} different characters"
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    if max(steps.count(step) for step in (-1, 0, 1)) * 2 > len(steps):
        return "no row of neighbouring or equal characters"
    if text in (text + text)[1:-1]:
        return "more than one piece repeated"
    if "".join(c for c in text.casefold() if c.isalpha()) in FAMOUS:
        return "one that is in no book"
    return None


def normal(passphrase: str) -> str:
    """One spelling for every keyboard (NFC, as RFC 8265 has it for passwords); blanks around it do not count."""
    return unicodedata.normalize("NFC", passphrase).strip()


def guarded_key_pair(passphrase: str, *, iterations: int = ITERATIONS) -> tuple[dict[str, Any], str]:
    """The public key (JWK) and the private one as a compact JWE under the passphrase. A third of a second of computing."""
    pair = ECKey.generate_key("P-256", private=True)
    header = {"alg": ALGORITHM, "enc": CONTENT, "cty": "application/jwk+json", "p2c": iterations}
    private = orjson.dumps(pair.as_dict(private=True))
    sealed = jwe.encrypt_compact(header, private, _key_of(passphrase), registry=Jwes(ALGORITHM))
    public = {name: value for name, value in pair.as_dict(private=False).items() if name in ("kty", "crv", "x", "y")}
    return public, sealed


def open_key(sealed: str | bytes, passphrase: str) -> Key:
    """The private key. WrongPassphrase."""
    try:
        found = jwe.decrypt_compact(sealed, _key_of(passphrase), registry=Jwes(ALGORITHM)).plaintext
        return ECKey.import_key(orjson.loads(found or b""))
    except (JoseError, ValueError, TypeError, KeyError):
        raise WrongPassphrase("the archive does not open with this passphrase") from None


def _key_of(passphrase: str) -> OctKey:
    return OctKey.import_key(normal(passphrase).encode())

"""HTTP message signatures (RFC 9421, hmac-sha256) and content digests (RFC 9530, sha-256): the one profile used here.

Covered: `@method`, `@path`, `@query`, `content-digest`; parameters `created`, `nonce`, `keyid`, `alg`, in this order. A signature
of any other shape is refused, so that nothing can be left out of it.
"""

import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_COVERED: Final = '("@method" "@path" "@query" "content-digest")'
_INPUT: Final = re.compile(
    r'sig1=(?P<params>\("@method" "@path" "@query" "content-digest"\)'
    r';created=(?P<created>\d{1,12});nonce="(?P<nonce>[A-Za-z0-9_-]{16,64})";keyid="(?P<keyid>[A-Za-z0-9_-]{16,64})"'
    r';alg="hmac-sha256")'
)
_SIGNATURE: Final = re.compile(r"sig1=:(?P<value>[A-Za-z0-9+/]{43}=):")


class BadSignature(Exception):
    """The signature is missing, has another shape, or does not hold."""


@dataclass(frozen=True, slots=True)
class SignedParts:
    """What a request says about its own signature, before it is checked."""

    created: int
    nonce: str
    keyid: str
    params: str
    value: bytes


def content_digest(body: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def signature_base(method: str, path: str, query: str, digest: str, params: str) -> bytes:
    """RFC 9421, section 2.5. `query` is without its question mark."""
    return (
        f'"@method": {method}\n"@path": {path}\n"@query": ?{query}\n"content-digest": {digest}\n"@signature-params": {params}'
    ).encode()


def sign(key: bytes, *, method: str, path: str, query: str, body: bytes, created: int, nonce: str, keyid: str) -> dict[str, str]:
    """The three headers of a signed request."""
    params = f'{_COVERED};created={created};nonce="{nonce}";keyid="{keyid}";alg="hmac-sha256"'
    digest = content_digest(body)
    value = hmac.digest(key, signature_base(method, path, query, digest, params), sha256)
    return {
        "Content-Digest": digest,
        "Signature-Input": f"sig1={params}",
        "Signature": f"sig1=:{b64encode(value).decode()}:",
    }


def read(signature_input: str, signature: str) -> SignedParts:
    """Raises BadSignature where the headers are not of this profile."""
    stated, value = _INPUT.fullmatch(signature_input), _SIGNATURE.fullmatch(signature)
    if stated is None or value is None:
        raise BadSignature("the request is not signed as expected (RFC 9421, hmac-sha256)")
    return SignedParts(int(stated["created"]), stated["nonce"], stated["keyid"], stated["params"], b64decode(value["value"]))


def check(key: bytes, parts: SignedParts, *, method: str, path: str, query: str, digest: str, body: bytes) -> None:
    """Raises BadSignature where the body is not the one that was signed, or the signature does not hold."""
    if not hmac.compare_digest(digest.encode(), content_digest(body).encode()):
        raise BadSignature("the body is not the one that was signed")
    expected = hmac.digest(key, signature_base(method, path, query, digest, parts.params), sha256)
    if not hmac.compare_digest(expected, parts.value):
        raise BadSignature("the signature does not hold")

"""Whom an archive is sealed for: which keys are taken, and that nothing else opens what was sealed."""

from typing import Any

import pytest
from joserfc import jwe
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from shared.export.recipient import CONTENT, Jwes, UnfitKey, recipient_of


def public(key: Any, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in key.as_dict(private=False).items() if k in ("kty", "crv", "x", "y", "n", "e")} | more


EC = ECKey.generate_key("P-256", private=True)
KEYS: dict[str, Any] = {
    "P-256": EC,
    "P-521": ECKey.generate_key("P-521", private=True),
    "X25519": OKPKey.generate_key("X25519", private=True),
    "RSA": RSAKey.generate_key(2048, private=True),
}


@pytest.mark.parametrize("kind", KEYS)
def test_only_the_private_half_opens(kind: str) -> None:
    key = KEYS[kind]
    recipient = recipient_of(public(key))
    sealed = recipient.seal(b"an amber kite", "text/plain")
    assert b"amber" not in sealed
    opened = jwe.decrypt_compact(sealed, key, registry=Jwes(recipient.algorithm))
    assert opened.plaintext == b"an amber kite"
    assert opened.protected["enc"] == CONTENT
    assert set(opened.protected) - {"epk"} == {"alg", "enc", "cty"}, "the header tells nothing of the content"
    other = type(key).generate_key(2048 if kind == "RSA" else key["crv"], private=True)
    with pytest.raises(JoseError):
        jwe.decrypt_compact(sealed, other, registry=Jwes(recipient.algorithm))
    assert recipient.thumbprint == key.thumbprint()
    assert len(recipient.thumbprint) == 43


def test_each_page_has_a_key_of_its_own() -> None:
    recipient = recipient_of(public(EC))
    first, second = (recipient.seal(b"the same", "text/plain") for _ in range(2))
    assert first.split(b".")[0] != second.split(b".")[0]


def test_other_members_of_a_key_are_passed_over() -> None:
    assert recipient_of(public(EC, kid="mine", use="enc", alg="ECDH-ES+A256KW")).thumbprint == EC.thumbprint()


@pytest.mark.parametrize(
    "jwk",
    [
        EC.as_dict(private=True),
        KEYS["RSA"].as_dict(private=True),
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "crv": "P-256", "x": public(EC)["x"]},
        {"kty": "EC", "crv": "secp256k1", "x": public(EC)["x"], "y": public(EC)["y"]},
        public(EC, y=public(EC)["x"]),
        public(EC, x="not base64url!"),
        public(OKPKey.generate_key("Ed25519", private=True)),
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        public(KEYS["RSA"], e="Aw"),
        {"kty": ["EC"]},
        {},
    ],
    ids=["d", "rsa-d", "secret", "no-y", "curve", "off-curve", "spelling", "signing", "order", "e=3", "list", "empty"],
)
def test_what_is_no_fit_public_key_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(UnfitKey) as refused:
        recipient_of(jwk)
    assert public(EC)["x"] not in str(refused.value)


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.warns(SecurityWarning):
        weak = public(RSAKey.generate_key(1024, private=True))
    with pytest.raises(UnfitKey):
        recipient_of(weak)

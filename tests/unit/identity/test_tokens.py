"""Which tokens are taken: algorithm, issuer, audience, times, kind, and keys that change."""

import json
import math
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import KeySet

from shared import base64url
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.roles import Role
from shared.identity.tokens import (
    ALGORITHMS,
    LEEWAY_SECONDS,
    MAX_LIFE_SECONDS,
    MAX_TOKEN_BYTES,
    InvalidToken,
    KeysUnknown,
    StaticKeys,
    TokenVerifier,
    principal_of,
)

NOW = 1_900_000_000.0
SEED = b"i" * 32
PERSON: dict[str, Any] = {"sub": "ada.rivera", "tenant": "north", "role": "therapist"}
TIMES: dict[str, Any] = {"iat": NOW - 60, "exp": NOW + 3600}
AT_JWT: dict[str, Any] = {"alg": "Ed25519", "kid": "dev", "typ": "at+jwt"}


def issuer(seed: bytes = SEED) -> DevelopmentIssuer:
    return DevelopmentIssuer(seed, clock=lambda: NOW, new_id=lambda: UUID(int=1))


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Changing(StaticKeys):
    """Keys that change, or cannot be had; counts the doubts."""

    doubts = 0
    known = True

    def keys(self) -> KeySet:
        if not self.known:
            raise KeysUnknown("not known")
        return self._keys

    def become(self, *issuers: DevelopmentIssuer) -> None:
        self._keys = KeySet.import_key_set({"keys": [k for i in issuers for k in i.jwks()["keys"]]}) if issuers else KeySet([])

    def doubt(self) -> None:
        self.doubts += 1


def verifier(keys: StaticKeys | None = None, clock: Any = None, **more: Any) -> TokenVerifier:
    source = keys or StaticKeys(issuer().jwks())
    return TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE, clock=clock or (lambda: NOW), **more)


def signed(claims: Any, header: dict[str, Any] | None = None, seed: bytes = SEED) -> str:
    """A token with exactly this header and these claims."""
    parts = [json.dumps(AT_JWT if header is None else header), claims if isinstance(claims, str) else json.dumps(claims)]
    body = ".".join(base64url.encode(p.encode()) for p in parts)
    return f"{body}.{base64url.encode(Ed25519PrivateKey.from_private_bytes(seed).sign(body.encode()))}"


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; None takes one away."""
    return {k: v for k, v in ({"iss": ISSUER, "aud": AUDIENCE} | TIMES | PERSON | changes).items() if v is not None}


def refused(token: str, why: str, **more: Any) -> None:
    with pytest.raises(InvalidToken, match=why) as found:
        verifier(**more).verify(token)
    assert "ada" not in str(found.value)


def test_a_good_token_says_who_calls() -> None:
    who = verifier().verify(signed(claims(name="Dr. Ada Rivera", jti="j-1", scope="openid profile")))
    assert (who.sub, who.tenant, who.role, who.name, who.client_id) == (
        "ada.rivera",
        "north",
        Role.THERAPIST,
        "Dr. Ada Rivera",
        None,
    )
    assert (who.scopes, who.jti, who.issued_at, who.expires_at) == (frozenset({"openid", "profile"}), "j-1", NOW - 60, NOW + 3600)


def test_the_algorithms_are_public_key_signatures_alone() -> None:
    assert set(ALGORITHMS) == {"EdDSA", "Ed25519", "ES256", "RS256", "PS256"}


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "HS512", "ES384", "RS1"])
def test_an_unsigned_token_and_one_of_another_algorithm_are_refused(alg: str) -> None:
    body = ".".join(base64url.encode(json.dumps(p).encode()) for p in (AT_JWT | {"alg": alg}, claims()))
    for signature in ("", base64url.encode(b"x" * 32), signed(claims()).rpartition(".")[2]):
        refused(f"{body}.{signature}", "not signed")


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", signed(claims())[:-4] + "AAAA", signed(claims(), seed=b"o" * 32), signed("[1]"), signed("{"),
     signed(claims(), {"alg": "Ed25519", "kid": "other", "typ": "at+jwt"}), "é" * 9,
     signed("[" * 3_000 + "]" * 3_000)],
)  # fmt: skip
def test_what_the_issuer_did_not_sign_is_refused(token: str) -> None:
    refused(token, "not signed")


def test_a_token_is_at_most_so_long() -> None:
    room = MAX_TOKEN_BYTES - len(signed(claims(x="")))
    long = signed(claims(x="a" * (room * 3 // 4 - 3)))
    assert MAX_TOKEN_BYTES - 8 <= len(long) <= MAX_TOKEN_BYTES
    verifier().verify(long)
    refused(signed(claims(x="a" * room)), "too long")


@pytest.mark.parametrize(
    "changes",
    [{"iss": None}, {"iss": "https://elsewhere.example"}, {"aud": None}, {"aud": "other"}, {"aud": ["other", 1]}, {"aud": []},
     {"iss": [ISSUER]}],
)  # fmt: skip
def test_issuer_and_audience_are_ours(changes: dict[str, Any]) -> None:
    refused(signed(claims(**changes)), "somebody else")


@pytest.mark.parametrize(("sub", "taken"), [("", False), ("s", True), ("s" * 200, True), ("s" * 201, False), (7, False)])
def test_a_sub_is_one_to_two_hundred_characters(sub: Any, taken: bool) -> None:
    if taken:
        assert verifier().verify(signed(claims(sub=sub))).sub == sub
    else:
        refused(signed(claims(sub=sub)), "no usable sub")


@pytest.mark.parametrize("tenant", ["", "-a", "a-", "A", "a b", "ä", "a" * 64, 7])
def test_a_tenant_is_a_short_name(tenant: Any) -> None:
    refused(signed(claims(tenant=tenant)), "no usable tenant")
    for good in ("a", "a1", "a-b.c_d", "a" * 63):
        assert verifier().verify(signed(claims(tenant=good))).tenant == good


def test_what_people_read_is_cut_and_what_decides_is_not() -> None:
    who = verifier().verify(signed(claims(name="n" * 201, jti="j" * 201)))
    assert (who.name, who.jti) == ("n" * 200, "j" * 200)
    assert (MAX_TOKEN_BYTES, LEEWAY_SECONDS) == (8_192, 5)


def test_who_a_client_is_counts_for_clients_and_who_acts_for_them() -> None:
    for role in Role:
        who = verifier().verify(signed(claims(role=str(role), client_id="c-1")))
        assert who.client_id == ("c-1" if role in (Role.CLIENT, Role.REPRESENTATIVE) else None), role
    refused(signed(claims(role="client")), "needs client_id")
    refused(signed(claims(role="client", client_id=7)), "needs client_id")
    assert verifier().verify(signed(claims(role="representative"))).client_id is None
    assert verifier().verify(signed(claims(role="representative", client_id=7))).client_id is None
    refused(signed(claims(role="officer")), "no known role")
    refused(signed(claims(role=None)), "no known role")


def test_this_api_may_be_one_of_several_audiences() -> None:
    assert verifier().verify(signed(claims(aud=["other", AUDIENCE]))).sub == "ada.rivera"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": None}, "no expiry"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": "2100-01-01"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": [NOW + 1]}, "exp is no time"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "does not hold yet"),
        ({"nbf": NOW + 3_000}, "does not hold yet"),
        ({"nbf": "tomorrow"}, "nbf is no time"),
        ({"nbf": False}, "nbf is no time"),
        ({"iat": "yesterday"}, "iat is no time"),
        ({"iat": True}, "iat is no time"),
    ],
)
def test_times(changes: dict[str, Any], why: str) -> None:
    refused(signed(claims(**changes)), why)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "-Infinity"])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_a_time_that_is_no_number_is_refused(claim: str, number: str) -> None:
    """`NaN` compares as false with everything: such a token would never end."""
    text = json.dumps(claims() | {claim: 0}).replace(f'"{claim}": 0', f'"{claim}": {number}')
    assert math.isnan(float(number)) or math.isinf(float(number))
    refused(signed(text), f"{claim} is no time")


def test_a_clock_that_is_a_little_behind_is_borne() -> None:
    verifier().verify(signed(claims(nbf=NOW + LEEWAY_SECONDS)))


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"iat": NOW, "exp": NOW + MAX_LIFE_SECONDS}, True),
        ({"iat": NOW, "exp": NOW + MAX_LIFE_SECONDS + 1}, False),
        ({"iat": None, "exp": NOW + MAX_LIFE_SECONDS}, True),
        ({"iat": None, "exp": NOW + MAX_LIFE_SECONDS + 1}, False),
        ({"iat": NOW - 3600, "exp": NOW + MAX_LIFE_SECONDS - 3599}, False),
        ({"iat": NOW + 31 * 365 * 86_400, "exp": NOW + 31 * 365 * 86_400 + 60}, False),
        ({"exp": NOW + 31 * 365 * 86_400}, False),
    ],
)
def test_a_token_lives_a_day_at_most(changes: dict[str, Any], taken: bool) -> None:
    token = signed(claims(**changes))
    if taken:
        verifier().verify(token)
    else:
        refused(token, "longer")
    assert MAX_LIFE_SECONDS == 24 * 3600


def test_the_longest_life_can_be_set() -> None:
    refused(signed(claims(iat=NOW, exp=NOW + 601)), "longer than 600", max_life=600.0)
    verifier(max_life=600.0).verify(signed(claims(iat=NOW, exp=NOW + 600)))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"])
def test_access_tokens(typ: str) -> None:
    verifier().verify(signed(claims(), AT_JWT | {"typ": typ}))
    verifier().verify(signed(claims(typ="Bearer"), AT_JWT | {"typ": typ}))


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "JWS", "at+jwt ", None, 7, ["at+jwt"]])
def test_other_kinds_are_refused(typ: Any) -> None:
    header = {k: v for k, v in (AT_JWT | {"typ": typ}).items() if v is not None}
    with pytest.raises(InvalidToken):
        verifier().verify(signed(claims(), header))


@pytest.mark.parametrize(
    "more",
    [{"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"s_hash": "h"}, {"events": {}}, {"typ": "ID"}, {"typ": "Refresh"},
     {"typ": "Logout"}, {"typ": ["Bearer"]}],
)  # fmt: skip
def test_a_jwt_with_anything_of_another_token_is_refused(more: dict[str, Any]) -> None:
    refused(signed(claims(**more), AT_JWT | {"typ": "JWT"}), "no access token")


@pytest.mark.parametrize("typ", ["ID", "Refresh", ""])
def test_what_says_in_its_body_that_it_is_something_else_is_refused(typ: str) -> None:
    refused(signed(claims(typ=typ)), "no access token")


ID: dict[str, Any] = {"iss": ISSUER, "aud": "officers", "nonce": "n-1", "sub": "r.ilves"} | TIMES
JWT = AT_JWT | {"typ": "JWT"}


def identity(body: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    return verifier().identity(signed(body, header or JWT), client_id="officers", nonce="n-1")


def test_an_id_token_says_who_signed_in() -> None:
    untyped = {k: v for k, v in JWT.items() if k != "typ"}
    for body in (ID, ID | {"azp": "officers"}, ID | {"aud": ["officers", "x"], "azp": "officers"}, ID | {"typ": "ID"}):
        assert identity(body) == identity(body, untyped) == "r.ilves"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"aud": "other"}, "somebody else"),
        ({"azp": "other"}, "somebody else"),
        ({"aud": ["officers", "x"]}, "somebody else"),
        ({"nonce": "n-2"}, "another sign-in"),
        ({"nonce": 1}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"sub": None}, "no sub"),
        ({"sub": 7}, "no sub"),
        ({"exp": NOW}, "expired"),
        ({"typ": "Bearer"}, "no ID token"),
    ],
)
def test_an_id_token_of_another_sign_in_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidToken, match=why):
        identity({k: v for k, v in (ID | changes).items() if v is not None})


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "application/at+jwt"])
def test_an_access_token_is_no_id_token(typ: str) -> None:
    with pytest.raises(InvalidToken, match="no ID token"):
        identity(ID, JWT | {"typ": typ})


def test_a_cached_token_ends_by_itself() -> None:
    clock = Clock()
    checked = verifier(clock=clock)
    token = signed(claims(exp=NOW + 10))
    assert checked.verify(token) is checked.verify(token)
    clock.now = NOW + 9.9
    checked.verify(token)
    for _ in range(2):
        clock.now = NOW + 10
        with pytest.raises(InvalidToken, match="expired"):
            checked.verify(token)


def test_a_cached_token_ends_with_the_key_that_signed_it() -> None:
    ours, next_one = issuer(), issuer(b"n" * 32)
    keys = Changing(ours.jwks())
    checked, token = verifier(keys), signed(claims())
    first = checked.verify(token)
    keys.become(ours, next_one)
    assert checked.verify(token) == first, "its key is still there"
    keys.become(next_one)
    with pytest.raises(InvalidToken):
        checked.verify(token)


async def test_while_no_key_is_known_nothing_is_taken_and_nobody_is_called_invalid() -> None:
    keys = Changing(issuer().jwks())
    checked, token = verifier(keys), signed(claims())
    checked.verify(token)
    assert await checked.keys_known() is True
    keys.known = False
    assert await checked.keys_known() is False
    with pytest.raises(KeysUnknown):
        checked.verify(token)
    with pytest.raises(KeysUnknown):
        checked.verify_at(token, NOW)
    with pytest.raises(KeysUnknown):
        checked.identity(token, client_id="officers", nonce="n-1")
    assert not issubclass(KeysUnknown, InvalidToken)


def test_a_signature_that_no_key_made_raises_a_doubt() -> None:
    keys = Changing(issuer().jwks())
    checked = verifier(keys)
    checked.verify(signed(claims()))
    with pytest.raises(InvalidToken):
        checked.verify(signed(claims(exp=NOW - 1)))
    assert keys.doubts == 0
    with pytest.raises(InvalidToken):
        checked.verify(signed(claims(), seed=b"n" * 32))
    assert keys.doubts == 1


def test_the_cache_is_bounded_and_the_oldest_leaves() -> None:
    keys = Changing(issuer().jwks())
    checked = verifier(keys, cache_size=2)
    tokens = [signed(claims(sub=f"s{n}")) for n in range(3)]
    kept = [checked.verify(t) for t in tokens]
    assert [checked.verify(t) is k for t, k in zip(reversed(tokens), reversed(kept), strict=True)] == [True, True, False]


def test_what_is_forgotten_is_verified_again() -> None:
    checked = verifier()
    one = signed(claims())
    client = signed(claims(sub="u-1", role="client", client_id="c-1"))
    first, theirs = checked.verify(one), checked.verify(client)
    checked.forget(sub="ada.rivera")
    assert checked.verify(one) is not first and checked.verify(client) is theirs
    first = checked.verify(one)
    checked.forget(client_id="c-1")
    assert checked.verify(one) is first and checked.verify(client) is not theirs


def test_a_token_is_held_against_the_time_of_writing() -> None:
    token = signed(claims(iat=NOW - 100, exp=NOW - 10))
    assert verifier().verify_at(token, NOW - 50).sub == "ada.rivera"
    assert verifier().verify_at(token, NOW - 100 - LEEWAY_SECONDS).sub == "ada.rivera"
    for at, why in ((NOW - 10, "expired"), (NOW - 101 - LEEWAY_SECONDS, "issued later")):
        with pytest.raises(InvalidToken, match=why):
            verifier().verify_at(token, at)
    with pytest.raises(InvalidToken, match="issued later"):
        verifier().verify_at(signed(claims(iat=None)), NOW)


@pytest.mark.parametrize("tenant", ["alliance-record.system", "alliance-record.other"])
def test_the_deployments_own_tenant_is_claimed_by_nobody(tenant: str) -> None:
    for role in Role:
        with pytest.raises(InvalidToken, match="deployment's own"):
            principal_of(PERSON | {"tenant": tenant, "role": str(role), "client_id": "c"})
    assert principal_of(PERSON | {"tenant": "alliance-recorder"}).tenant == "alliance-recorder"


def test_the_deployments_own_tenant_is_open_to_officers_who_are_named() -> None:
    named = verifier(deployment_officers=frozenset({"operator"}))
    mine = {"tenant": "alliance-record.system", "sub": "operator", "role": "compliance_officer"}
    assert named.verify(signed(claims(**mine))).tenant == "alliance-record.system"
    for changes in ({"role": "supervisor"}, {"sub": "ada.rivera"}):
        with pytest.raises(InvalidToken, match="deployment's own"):
            named.verify(signed(claims(**mine | changes)))


@pytest.mark.parametrize(
    ("more", "scopes"),
    [
        ({"scope": "a b"}, {"a", "b"}),
        ({"scope": ["patient/Consent.r", "b c"]}, {"patient/Consent.r", "b", "c"}),
        ({"scp": ["patient/Consent.r"]}, {"patient/Consent.r"}),
        ({"scope": "a", "scp": "b"}, {"a", "b"}),
        ({}, set()),
    ],
)
def test_scopes_are_read_wherever_the_issuer_has_them(more: dict[str, Any], scopes: set[str]) -> None:
    assert principal_of(PERSON | more).scopes == scopes


@pytest.mark.parametrize("value", [{"a": 1}, 7, None, ["a", 1], True])
@pytest.mark.parametrize("claim", ["scope", "scp"])
def test_scopes_in_no_known_shape_are_refused(claim: str, value: Any) -> None:
    """What is not read would not limit the token."""
    with pytest.raises(InvalidToken, match=claim):
        principal_of(PERSON | {claim: value})

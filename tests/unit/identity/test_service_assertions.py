"""Requests between services: who may call, and what an attacker with a copy of the traffic gets."""

import itertools
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.contracts.records import ServiceName
from shared.identity.assertions import LIFETIME_SECONDS, ServiceCaller, ServiceVerifier, UnknownService
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.signatures import sign

KEYS = {name: ServiceKeys.from_seed(name, sha256(name.encode()).digest()) for name in ServiceName}
DIRECTORY = ServiceDirectory({name: keys.public() for name, keys in KEYS.items()})
BODY = b'{"tenant":"practice"}'
PATH = "/v1/disclosures"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def counting() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: sha256(next(numbers).to_bytes(8, "big")).digest()[:size]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def caller(clock: Clock, name: ServiceName = ServiceName.SESSION_NOTES, to: ServiceName = ServiceName.AUDIT_LOG) -> ServiceCaller:
    return ServiceCaller(KEYS[name], DIRECTORY, to, clock=clock, random=counting())


def verifier(clock: Clock, name: ServiceName = ServiceName.AUDIT_LOG) -> ServiceVerifier:
    return ServiceVerifier(KEYS[name], DIRECTORY, clock=clock)


def verified(
    at: ServiceVerifier, headers: dict[str, str], body: bytes = BODY, path: str = PATH, query: str = "", method: str = "POST"
) -> ServiceName:
    return at.verify(method, path, query, {k.lower(): v for k, v in headers.items()}, body)


def refused(at: ServiceVerifier, headers: dict[str, str], message: str, **sent: Any) -> None:
    with pytest.raises(UnknownService, match=message):
        verified(at, headers, **sent)


@pytest.mark.parametrize("name", list(ServiceName))
def test_a_service_is_known_by_its_signature(clock: Clock, name: ServiceName) -> None:
    asking, asked = caller(clock, name), verifier(clock)
    for _ in range(3):
        assert verified(asked, asking.headers("POST", PATH, "", BODY)) is name


def test_one_assertion_serves_until_it_nears_its_end(clock: Clock) -> None:
    asking, asked = caller(clock), verifier(clock)
    first = asking.headers("POST", PATH, "", BODY)["Service-Assertion"]
    clock.now += 30
    assert asking.headers("POST", PATH, "", BODY)["Service-Assertion"] == first
    clock.now += 15
    renewed = asking.headers("POST", PATH, "", BODY)
    assert renewed["Service-Assertion"] != first
    assert verified(asked, renewed) is ServiceName.SESSION_NOTES


def test_a_replayed_request_is_refused(clock: Clock) -> None:
    asked, headers = verifier(clock), caller(clock).headers("POST", PATH, "", BODY)
    verified(asked, headers)
    refused(asked, headers, "sent before")


@pytest.mark.parametrize("spelling", ["last bits", "a foreign character", "padding"])
def test_a_replay_under_another_spelling_of_its_assertion_is_refused(clock: Clock, spelling: str) -> None:
    """The same signature spelt otherwise would be another assertion, which has seen no nonce yet."""
    asked, headers = verifier(clock), caller(clock).headers("POST", PATH, "", BODY)
    verified(asked, headers)
    assertion = headers["Service-Assertion"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spelt = {
        "last bits": assertion[:-1] + alphabet[alphabet.index(assertion[-1]) ^ 1],
        "a foreign character": assertion[:-3] + "*" + assertion[-3:],
        "padding": assertion + "==",
    }[spelling]
    refused(asked, {**headers, "Service-Assertion": spelt}, "not signed")


def test_a_changed_request_is_refused(clock: Clock) -> None:
    asked, asking = verifier(clock), caller(clock)

    def signed() -> dict[str, str]:
        return asking.headers("POST", PATH, "a=1", BODY)

    refused(asked, signed(), "body", body=BODY + b" ", query="a=1")
    refused(asked, signed(), "does not hold", path="/v1/releases", query="a=1")
    refused(asked, signed(), "does not hold", query="a=2")
    refused(asked, signed(), "does not hold", method="PUT", query="a=1")
    digest = {
        **signed(),
        "Content-Digest": sign(
            b"x" * 32, method="POST", path=PATH, query="a=1", body=b"{}", created=1, nonce="n" * 16, keyid="k" * 16
        )["Content-Digest"],
    }
    refused(asked, digest, "does not hold", body=b"{}", query="a=1")


def test_a_stolen_assertion_is_useless_without_its_ephemeral_key(clock: Clock) -> None:
    asked, stolen = verifier(clock), caller(clock).headers("POST", PATH, "", BODY)
    keyid = orjson.loads(_part(stolen["Service-Assertion"], 1))["jti"]
    forged = sign(b"\0" * 32, method="POST", path=PATH, query="", body=BODY, created=int(clock.now), nonce="n" * 22, keyid=keyid)
    refused(asked, {**stolen, **forged}, "does not hold")


def test_an_assertion_of_another_service_does_not_go_with_ones_own_signature(clock: Clock) -> None:
    asked = verifier(clock)
    mine = caller(clock, ServiceName.EHR_GATEWAY).headers("POST", PATH, "", BODY)
    theirs = caller(clock, ServiceName.CONSENT).headers("POST", PATH, "", BODY)
    refused(asked, {**mine, "Service-Assertion": theirs["Service-Assertion"]}, "another assertion|does not hold")


def test_a_signature_names_the_assertion_that_it_goes_with(clock: Clock) -> None:
    asking = caller(clock)
    headers = asking.headers("POST", PATH, "", BODY)
    signed = sign(
        asking._key, method="POST", path=PATH, query="", body=BODY, created=int(clock.now), nonce="n" * 22, keyid="another" * 3
    )
    refused(verifier(clock), {**headers, **signed}, "another assertion")


def test_an_assertion_for_another_audience_is_refused(clock: Clock) -> None:
    to_consent = caller(clock, to=ServiceName.CONSENT).headers("POST", PATH, "", BODY)
    refused(verifier(clock), to_consent, "another service")
    assert verified(verifier(clock, ServiceName.CONSENT), to_consent) is ServiceName.SESSION_NOTES


def test_an_ended_assertion_is_refused_also_where_it_was_known(clock: Clock) -> None:
    asked, asking = verifier(clock), caller(clock)
    known = asking.headers("POST", PATH, "", BODY)
    verified(asked, known)
    waiting = asking.headers("POST", PATH, "", BODY)
    clock.now += LIFETIME_SECONDS
    refused(asked, waiting, "expired")
    refused(asked, known, "expired")
    refused(verifier(clock), waiting, "expired")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "nobody"},
        {"exp": 1_800_000_000 + 3_600},
        {"iat": 1_800_000_000 + 60, "exp": 1_800_000_000 + 100},
        {"exp": "soon"},
        {"epk": "AAAA"},
        {"more": 1},
    ],
)
def test_claims_out_of_form_are_refused_although_signed(clock: Clock, claims: dict[str, Any]) -> None:
    headers = caller(clock).headers("POST", PATH, "", BODY)
    altered = orjson.loads(_part(headers["Service-Assertion"], 1)) | claims
    resigned = _jwt({"alg": "EdDSA", "typ": "service-assertion+jwt"}, altered, KEYS[ServiceName.SESSION_NOTES].signing)
    refused(verifier(clock), {**headers, "Service-Assertion": resigned}, ".")


@pytest.mark.parametrize(
    "head", [{"alg": "none"}, {"alg": "HS256", "typ": "service-assertion+jwt"}, {"alg": "EdDSA", "typ": "JWT"}]
)
def test_no_other_algorithm_or_type(clock: Clock, head: dict[str, str]) -> None:
    headers = caller(clock).headers("POST", PATH, "", BODY)
    claims = orjson.loads(_part(headers["Service-Assertion"], 1))
    refused(verifier(clock), {**headers, "Service-Assertion": _jwt(head, claims, KEYS[ServiceName.SESSION_NOTES].signing)}, ".")


def test_an_assertion_signed_by_another_services_key_is_refused(clock: Clock) -> None:
    headers = caller(clock).headers("POST", PATH, "", BODY)
    claims = orjson.loads(_part(headers["Service-Assertion"], 1))
    impostor = _jwt({"alg": "EdDSA", "typ": "service-assertion+jwt"}, claims, KEYS[ServiceName.EHR_GATEWAY].signing)
    refused(verifier(clock), {**headers, "Service-Assertion": impostor}, "not signed")


@pytest.mark.parametrize("missing", ["Service-Assertion", "Signature", "Signature-Input", "Content-Digest"])
def test_nothing_may_be_left_out(clock: Clock, missing: str) -> None:
    headers = caller(clock).headers("POST", PATH, "", BODY)
    del headers[missing]
    refused(verifier(clock), headers, ".")


def test_a_signature_that_covers_less_is_refused(clock: Clock) -> None:
    headers = caller(clock).headers("POST", PATH, "", BODY)
    headers["Signature-Input"] = headers["Signature-Input"].replace('"@query" ', "")
    refused(verifier(clock), headers, "not signed as expected")


def test_a_request_signed_long_ago_is_refused(clock: Clock) -> None:
    asking, asked = caller(clock), verifier(clock)
    verified(asked, asking.headers("POST", PATH, "", BODY))
    headers = asking.headers("POST", PATH, "", BODY)
    clock.now -= 3_600
    refused(asked, headers, "wrong time|too long ago")


def test_the_public_key_work_is_done_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asking, asked = caller(clock), verifier(clock)
    verified(asked, asking.headers("POST", PATH, "", BODY))
    monkeypatch.setattr(DIRECTORY, "_signing", {})
    assert verified(asked, asking.headers("POST", PATH, "", BODY)) is ServiceName.SESSION_NOTES


def _part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _jwt(head: dict[str, str], claims: dict[str, Any], key: Ed25519PrivateKey) -> str:
    signing_input = b".".join(urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=") for part in (head, claims))
    return (signing_input + b"." + urlsafe_b64encode(key.sign(signing_input)).rstrip(b"=")).decode()

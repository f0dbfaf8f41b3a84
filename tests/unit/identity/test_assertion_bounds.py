"""Where a service's assertion begins and ends to count, to the second and byte; and what a route answers to who is none."""

from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from starlette.requests import Request

from shared.contracts.records import ServiceName
from shared.http.problems import Problem
from shared.http.service_callers import MAX_BODY, service_of, verify_service
from shared.identity import assertions
from shared.identity.assertions import (
    LIFETIME_SECONDS,
    MAX_ASSERTION,
    MAX_CACHED,
    RENEW_SECONDS,
    SKEW_SECONDS,
    UnknownService,
)
from shared.identity.service_keys import ServiceDirectory, ServiceKeys
from shared.identity.signatures import BadSignature, content_digest, read, sign
from tests.unit.identity.test_service_assertions import (
    BODY,
    DIRECTORY,
    KEYS,
    PATH,
    Clock,
    _jwt,
    _part,
    caller,
    refused,
    verified,
    verifier,
)

HEAD = {"alg": "EdDSA", "typ": "service-assertion+jwt"}
NOTES = ServiceName.SESSION_NOTES


def headers_of(clock: Clock) -> dict[str, str]:
    return caller(clock).headers("POST", PATH, "", BODY)


def with_claims(clock: Clock, **changes: Any) -> dict[str, str]:
    """A request whose assertion says something else; None takes a claim away. Its signature is another's."""
    headers = headers_of(clock)
    said = orjson.loads(_part(headers["Service-Assertion"], 1)) | changes
    said = {k: v for k, v in said.items() if v is not None}
    return headers | {"Service-Assertion": _jwt(HEAD, said, KEYS[NOTES].signing)}


def test_the_bounds_are_as_written() -> None:
    assert (LIFETIME_SECONDS, RENEW_SECONDS, SKEW_SECONDS) == (60, 20, 5)
    assert (MAX_ASSERTION, MAX_CACHED, MAX_BODY) == (2_048, 1_000, 1_048_576)


def test_the_same_keys_make_the_same_request_for_ever() -> None:
    """A known answer: two versions that run side by side understand each other."""
    headers = headers_of(Clock())
    told = sha256("\n".join(f"{k}: {v}" for k, v in sorted(headers.items())).encode()).hexdigest()
    assert told == "3dd96ac7bd24ea31c77695fe6bc701e8ef6ba94d981f9139c15b96850bcc9fce"
    claims = orjson.loads(_part(headers["Service-Assertion"], 1))
    assert (claims["iss"], claims["aud"], claims["iat"], claims["exp"]) == (
        "session_notes",
        "audit_log",
        1_800_000_000,
        1_800_000_060,
    )


def test_an_assertion_is_renewed_twenty_seconds_before_its_end() -> None:
    clock = Clock()
    asking = caller(clock)
    first = asking.headers("POST", PATH, "", BODY)["Service-Assertion"]
    clock.now += 40
    assert asking.headers("POST", PATH, "", BODY)["Service-Assertion"] == first
    clock.now += 0.5
    second = asking.headers("POST", PATH, "", BODY)["Service-Assertion"]
    assert second != first
    asking.forget()
    assert asking.headers("POST", PATH, "", BODY)["Service-Assertion"] != second


def test_it_holds_to_its_last_moment() -> None:
    clock = Clock()
    asked, headers = verifier(clock), headers_of(clock)
    later = dict(headers)
    clock.now += 59.9
    verified(asked, headers)
    clock.now += 0.1
    refused(asked, later, "expired")


@pytest.mark.parametrize(("ahead", "taken"), [(5, True), (6, False)])
def test_it_may_begin_five_seconds_ahead(ahead: int, taken: bool) -> None:
    clock = Clock()
    clock.now += ahead
    headers = headers_of(clock)
    clock.now -= ahead
    if taken:
        assert verified(verifier(clock), headers) is NOTES
    else:
        refused(verifier(clock), headers, "wrong time")


@pytest.mark.parametrize(("away", "taken"), [(-65, True), (-66, False), (65, True), (66, False)])
def test_a_request_is_signed_near_its_sending(away: int, taken: bool) -> None:
    clock = Clock()
    asking, asked = caller(clock), verifier(clock)
    headers = asking.headers("POST", PATH, "", BODY)
    keyid = orjson.loads(_part(headers["Service-Assertion"], 1))["jti"]
    at = int(clock.now) + away
    signed = sign(asking._key, method="POST", path=PATH, query="", body=BODY, created=at, nonce="n" * 22, keyid=keyid)
    if taken:
        assert verified(asked, headers | signed) is NOTES
    else:
        refused(asked, headers | signed, "too long ago")


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti", "epk"])
@pytest.mark.parametrize("value", [None, 7, "x", [], True, 1.5])
def test_each_claim_has_its_form(claim: str, value: Any) -> None:
    clock = Clock()
    if isinstance(value, int) and claim in ("iat", "exp") and value is not True:
        value = [value]
    with pytest.raises(UnknownService):
        verified(verifier(clock), with_claims(clock, **{claim: value}))


def test_a_longer_life_than_a_minute_is_refused() -> None:
    clock = Clock()
    refused(verifier(clock), with_claims(clock, exp=int(clock.now) + 61), "wrong time")
    assert verified(verifier(clock), with_claims(clock, exp=int(clock.now) + 60)) is NOTES


@pytest.mark.parametrize("assertion", ["", "a", "a.b", "a.b.c.d", "..", "a" * 2_046 + "..", "a" * 2_047 + "..", "\xe9.b.c"])
def test_what_is_no_assertion(assertion: str) -> None:
    clock = Clock()
    many = assertion.count(".") != 2 or not 0 < len(assertion) <= 2_048
    refused(
        verifier(clock), headers_of(clock) | {"Service-Assertion": assertion}, "no service assertion" if many else "not signed"
    )


def test_a_head_or_body_that_is_no_object() -> None:
    at = Clock()
    for head, claims in (([], {}), (HEAD, []), (HEAD, 7), (HEAD, None), ("x", {})):
        made = _jwt(head, claims, KEYS[NOTES].signing)  # type: ignore[arg-type]
        with pytest.raises(UnknownService):
            verified(verifier(at), headers_of(at) | {"Service-Assertion": made})


def test_a_key_that_leads_nowhere_is_refused() -> None:
    """A point of low order gives everybody the same secret."""
    clock = Clock()
    refused(verifier(clock), with_claims(clock, epk="A" * 43), "no usable key")


def test_none_is_dropped_before_its_end_so_that_no_nonce_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "MAX_CACHED", 2)
    clock = Clock()
    asked = verifier(clock)
    callers = [caller(clock, name) for name in (NOTES, ServiceName.CONSENT, ServiceName.ALLIANCE)]
    first, second, third = (c.headers("POST", PATH, "", BODY) for c in callers)
    verified(asked, first)
    verified(asked, second)
    refused(asked, third, "too many")
    refused(asked, first, "sent before")
    clock.now += 60
    third = callers[2].headers("POST", PATH, "", BODY)
    assert verified(asked, third) is ServiceName.ALLIANCE
    assert len(asked._known) == 1


def request(headers: dict[str, str], body: bytes = BODY, **scope: Any) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    sent = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    whole = {"type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "headers": sent}
    return Request(whole | scope, receive)


async def test_a_route_learns_who_calls_and_what_was_sent() -> None:
    clock = Clock()
    asked, asking = verifier(clock), caller(clock)
    assert await service_of(request(asking.headers("POST", PATH, "", BODY)), asked) == (NOTES, BODY)
    assert await verify_service(request(asking.headers("POST", PATH, "", BODY)), asked, frozenset({NOTES})) is NOTES
    without = request(asking.headers("POST", PATH, "", BODY), raw_path=b"")
    assert await verify_service(without, asked) is NOTES
    queried = asking.headers("POST", PATH, "a=1&b=%20", BODY)
    raw = request(queried, raw_path=PATH.encode() + b"?a=1&b=%20", query_string=b"a=1&b=%20")
    assert await verify_service(raw, asked) is NOTES
    spelt = asking.headers("POST", "/v1/%C3%A9", "", BODY)
    assert await verify_service(request(spelt, raw_path=b"/v1/%C3%A9", path="/v1/\xe9"), asked) is NOTES


async def test_a_route_refuses_who_is_none_and_who_is_another() -> None:
    clock = Clock()
    asked, asking = verifier(clock), caller(clock)
    for bad, status, slug in (
        (request({}), 401, "unknown-service"),
        (request(asking.headers("POST", PATH, "", BODY), method="PUT"), 401, "unknown-service"),
        (request(asking.headers("POST", PATH, "", BODY), body=b"x"), 401, "unknown-service"),
    ):
        with pytest.raises(Problem) as found:
            await service_of(bad, asked, frozenset({NOTES}))
        assert (found.value.status, found.value.slug) == (status, slug)
    for allowed in (frozenset({ServiceName.CONSENT}), frozenset()):
        with pytest.raises(Problem) as found:
            await verify_service(request(asking.headers("POST", PATH, "", BODY)), asked, allowed)
        assert found.value.status == 403
    with pytest.raises(Problem) as found:
        await service_of(request(asking.headers("POST", PATH, "", BODY), body=b"x" * (MAX_BODY + 1)), asked)
    assert found.value.status == 413


def test_a_signature_in_another_form_is_none() -> None:
    good = sign(b"k" * 32, method="POST", path=PATH, query="", body=BODY, created=1, nonce="n" * 16, keyid="k" * 16)
    parts = read(good["Signature-Input"], good["Signature"])
    assert (parts.created, parts.nonce, parts.keyid, len(parts.value)) == (1, "n" * 16, "k" * 16, 32)
    assert good["Content-Digest"] == content_digest(BODY)
    for stated, value in (
        (good["Signature-Input"], good["Signature"][:-1]),
        (good["Signature-Input"] + ";x=1", good["Signature"]),
        (good["Signature-Input"].replace("sig1", "sig2"), good["Signature"]),
        (good["Signature-Input"].replace("hmac-sha256", "none"), good["Signature"]),
        ("", good["Signature"]),
        (good["Signature-Input"], ""),
    ):
        with pytest.raises(BadSignature):
            read(stated, value)


def test_keys_come_from_a_seed_of_32_bytes_and_are_shown_to_nobody() -> None:
    for size in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            ServiceKeys.from_seed(NOTES, b"s" * size)
    one, other = ServiceKeys.from_seed(NOTES, b"s" * 32), ServiceKeys.from_seed(ServiceName.CONSENT, b"s" * 32)
    assert one.secret != other.secret and one.public() != other.public()
    assert one.secret.hex() not in repr(one) and repr(one.secret) not in repr(one)
    assert isinstance(one.agreement, X25519PrivateKey)
    directory = ServiceDirectory({"consent": other.public()})
    assert directory.agreement(ServiceName.CONSENT).public_bytes_raw() == other.agreement.public_key().public_bytes_raw()
    for find in (directory.signing, directory.agreement):
        with pytest.raises(KeyError):
            find(NOTES)
    assert DIRECTORY.signing(NOTES).public_bytes_raw() == KEYS[NOTES].signing.public_key().public_bytes_raw()

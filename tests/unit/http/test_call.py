"""Who calls, for what, and how a stale or malformed header is answered; which addresses of others may be used."""

from uuid import UUID

import pytest
from starlette.requests import Request

from shared.http.call import authenticate, path_id, request_id_of
from shared.http.problems import Problem
from shared.values.addresses import is_guarded
from tests.unit.identity.test_tokens import Changing, claims, issuer, signed, verifier

TOKEN = signed(claims(sub="olga"))


class Route:
    path = "/v1/consents/{consent_id}"


def request(method: str = "GET", *, route: bool = True, **headers: str) -> Request:
    sent = [(k.replace("_", "-").lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
    scope = {"type": "http", "method": method, "path": "/", "headers": sent, "query_string": b"", "request_id": "r-1"}
    return Request(scope | ({"route": Route()} if route else {}))


def told(asked: Request, status: int) -> Problem:
    with pytest.raises(Problem) as found:
        authenticate(asked, verifier())
    assert found.value.status == status
    return found.value


def test_a_call_with_all_that_it_may_say() -> None:
    asked = request(Authorization=f"bearer  {TOKEN} ", X_Purpose_Of_Use="TREAT", Idempotency_Key="k" * 255)
    call = authenticate(asked, verifier())
    assert (call.principal.sub, call.tenant, call.token, call.purpose) == ("olga", "north", TOKEN, "TREAT")
    assert (call.request_id, call.idempotency_key, call.caller.token) == ("r-1", "k" * 255, TOKEN)


def test_a_call_that_says_nothing_more() -> None:
    call = authenticate(request(Authorization=f"Bearer {TOKEN}"), verifier())
    assert (call.purpose, call.idempotency_key) == (None, None)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic x", f"Token {TOKEN}", TOKEN, "Bearer nothing"])
def test_without_a_token_that_holds_nobody_calls(header: str | None) -> None:
    problem = told(request() if header is None else request(Authorization=header), 401)
    assert problem.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("purpose", ["", "T", "treat", "TREAT ", "T" * 17, "TRE1T", "TREAT,BTG"])
def test_a_purpose_is_one_code(purpose: str) -> None:
    problem = told(request(Authorization=f"Bearer {TOKEN}", X_Purpose_Of_Use=purpose), 422)
    assert problem.errors[0].pointer == "header:X-Purpose-Of-Use"


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_is_not_empty_and_not_endless(key: str) -> None:
    problem = told(request(Authorization=f"Bearer {TOKEN}", Idempotency_Key=key), 422)
    assert problem.errors[0].pointer == "header:Idempotency-Key"


def test_scopes_are_held_against_the_route() -> None:
    def asking(scope: str, method: str = "GET", *, route: bool = True) -> Request:
        return request(method, route=route, Authorization=f"Bearer {signed(claims(scope=scope))}")

    assert authenticate(asking("user/Consent.r"), verifier()).principal.sub == "ada.rivera"
    refused = told(asking("user/Consent.r", "PUT"), 403)
    assert (refused.slug, refused.headers["WWW-Authenticate"]) == ("insufficient-scope", 'Bearer error="insufficient_scope"')
    assert "Consent.u" in refused.detail
    assert "user" not in told(asking("user/*.cruds", "DELETE"), 403).detail, "nothing would open it"
    told(asking("user/*.cruds", route=False), 403)
    authenticate(asking("openid", route=False), verifier())


def test_while_the_issuers_keys_are_unknown_it_is_503() -> None:
    keys = Changing(issuer().jwks())
    keys.known = False
    with pytest.raises(Problem) as found:
        authenticate(request(Authorization=f"Bearer {TOKEN}"), verifier(keys))
    assert (found.value.status, found.value.headers["Retry-After"]) == (503, "2")


def test_ids_in_paths() -> None:
    one = UUID(int=5)
    assert path_id(str(one)) == one
    with pytest.raises(Problem) as found:
        path_id("five")
    assert (found.value.status, found.value.errors[0].pointer) == (422, "path:id")
    assert request_id_of(Request({"type": "http"})) == ""


@pytest.mark.parametrize(
    ("address", "guarded"),
    [
        ("https://a.example", True),
        ("https://a.example:8443/x?y", True),
        ("http://127.0.0.1:9/x", True),
        ("http://[::1]:9/", True),
        ("http://localhost", True),
        ("http://a.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("https://u:p@a.example", False),
        ("https://@a.example", False),
        ("https://a.example/#x", False),
        ("ftp://127.0.0.1", False),
        ("//a.example", False),
        ("a.example", False),
        ("https://", False),
        ("https://a.example:x", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_addresses_of_others(address: str, guarded: bool) -> None:
    assert is_guarded(address) is guarded

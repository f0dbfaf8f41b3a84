"""Whose cookie counts where: for a page, and for what a script of the same origin reads."""

import pytest
from starlette.requests import Request

from shared.http.page_session import COOKIE, of_page, of_script
from shared.http.problems import Problem
from tests.unit.identity.test_tokens import claims, signed, verifier

TOKEN, OTHER = signed(claims(sub="olga")), signed(claims(sub="other"))
OURS = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}


def request(*, cookie: str | None = TOKEN, **headers: str) -> Request:
    sent = [(k.replace("_", "-").lower().encode(), v.encode()) for k, v in headers.items()]
    if cookie is not None:
        sent.append((b"cookie", f"{COOKIE}={cookie}".encode()))
    return Request({"type": "http", "method": "GET", "path": "/", "headers": sent, "query_string": b""})


def asking(**headers: str) -> Request:
    """A script's request with these headers instead of what a browser sends for ours; an empty one is left out."""
    return request(**{k: v for k, v in (OURS | headers).items() if v})


def refused(asked: Request) -> None:
    with pytest.raises(Problem) as found:
        of_script(asked, verifier())
    assert found.value.status == 401


def test_a_script_of_ours_reads_by_the_cookie() -> None:
    assert of_script(asking(), verifier()).principal.sub == "olga"


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none", "", "SAME-ORIGIN", "same-origin, cross-site"])
def test_a_script_of_another_site_does_not(site: str) -> None:
    refused(asking(**{"Sec-Fetch-Site": site}))


@pytest.mark.parametrize("destination", ["document", "iframe", "image", "script", "embed", "", "Empty"])
def test_what_is_no_scripts_fetch_does_not(destination: str) -> None:
    refused(asking(**{"Sec-Fetch-Dest": destination}))


def test_authorization_counts_before_the_cookie() -> None:
    assert of_script(asking(Authorization=f"Bearer {OTHER}"), verifier()).principal.sub == "other"
    refused(asking(Authorization="Bearer nothing"))
    refused(asking(Authorization="Basic x"))


def test_without_a_cookie_nobody_asks() -> None:
    refused(request(cookie=None, **OURS))
    for cookie in (None, ""):
        with pytest.raises(Problem) as found:
            of_page(request(cookie=cookie), verifier())
        assert found.value.status == 401
    assert of_page(request(), verifier()).principal.sub == "olga"

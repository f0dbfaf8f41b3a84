"""Signing in with a browser: a bearer token becomes a cookie that no script reads and no other site sends (ADR 0026).

Every POST carries a form token bound to the session, and must come from a page of the same origin.
"""

import hmac
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from shared.entry.text import broken
from shared.http.body import raw_body
from shared.http.call import Call
from shared.http.cookies import cookie
from shared.http.page_session import COOKIE, MAX_COOKIE_BYTES
from shared.http.problems import Fault, Problem, forbidden, invalid

FORM_COOKIE: Final = "page_form"
"""before anybody has signed in: what the sign-in form's token is bound to"""
MAX_FORM: Final = 32_768
_FORM_SECONDS: Final = 3_600
ATTEMPT_COOKIE: Final = "page_attempt"
"""an attempt to sign in by the identity provider; under HTTPS with the prefix `__Host-`, so that no other host can set it"""


class PageSession:
    def __init__(self, secret: bytes, *, secure: bool, now: Callable[[], datetime], random: Callable[[int], bytes]) -> None:
        """`secure`: whether the public address is HTTPS, so that cookies may say so."""
        self._secret, self._secure, self._now, self._random = secret, secure, now, random

    def form_token(self, bound_to: str) -> str:
        """For a hidden field: an HMAC over the session's token, or over the sign-in form's own cookie."""
        return hmac.digest(self._secret, b"review-form\x00" + bound_to.encode(), sha256).hex()

    def new_form(self) -> str:
        return self._random(18).hex()

    def begin(self, response: Response, call: Call) -> None:
        """Sign in. 422 for a token that no cookie holds."""
        if len(call.token) > MAX_COOKIE_BYTES:
            raise invalid([Fault("/token", f"at most {MAX_COOKIE_BYTES} characters: ask for a token with fewer claims")])
        left = int(call.principal.expires_at - self._now().timestamp())
        self._set(response, COOKIE, call.token, left, "/")
        self._drop(response, FORM_COOKIE, "/review")

    def offer_form(self, response: Response, form: str) -> None:
        self._set(response, FORM_COOKIE, form, _FORM_SECONDS, "/review")

    def end(self, response: Response) -> None:
        self._drop(response, COOKIE, "/")

    def keep_attempt(self, response: Response, kept: str, seconds: int) -> None:
        """SameSite=Lax: the provider's site leads the browser back."""
        self._set(response, self._attempt_cookie, kept, seconds, "/", samesite="lax")

    def kept_attempt(self, request: Request) -> str:
        return cookie(request.scope["headers"], self._attempt_cookie) or ""

    def drop_attempt(self, response: Response) -> None:
        self._drop(response, self._attempt_cookie, "/", samesite="lax")

    @property
    def _attempt_cookie(self) -> str:
        return f"__Host-{ATTEMPT_COOKIE}" if self._secure else ATTEMPT_COOKIE

    async def form(self, request: Request, bound_to: str) -> dict[str, str]:
        """The fields of a POST that a page of ours sent in this session. Problem 403, 413, 415, 422."""
        if not _same_origin(request):
            raise forbidden("This form was not sent by a page of this address.")
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Problem(415, "media-type", "Unsupported media type", "Send the page's form.")
        raw = await raw_body(request, MAX_FORM)
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=64
            )
        except ValueError:
            raise invalid([Fault("", "not a form")]) from None
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise invalid([Fault("", "a field stands there twice")])
        if faults := [Fault(f"/{n}", f"must not hold {why}") for n, v in pairs if (why := broken(n) or broken(v))]:
            raise invalid(faults)
        if not hmac.compare_digest(fields.pop("form_token", "").encode(), self.form_token(bound_to).encode()):
            raise forbidden("This form is too old, or of another session: open the page again.")
        return fields

    def _set(
        self, response: Response, name: str, value: str, seconds: int, path: str, *, samesite: Literal["strict", "lax"] = "strict"
    ) -> None:
        response.set_cookie(name, value, max_age=seconds, path=path, secure=self._secure, httponly=True, samesite=samesite)

    def _drop(self, response: Response, name: str, path: str, *, samesite: Literal["strict", "lax"] = "strict") -> None:
        response.delete_cookie(name, path=path, secure=self._secure, httponly=True, samesite=samesite)


def _same_origin(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # a browser that is too old to say: its Origin must be this host
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.hostname) and origin.hostname == urlsplit(f"//{request.headers.get('host', '')}").hostname

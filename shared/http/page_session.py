"""Somebody who signed in to the pages of this origin: their token lies in an HttpOnly, SameSite=Strict cookie (ADR 0026).

The cookie counts where a page is asked for, and for what a page's own script reads from the same origin; a change needs more
(see the pages' own form token), and every other call needs its Authorization header as before.
"""

from typing import Final

from starlette.requests import Request

from shared.http.call import Call, authenticate, call_with
from shared.http.cookies import cookie
from shared.http.problems import unauthenticated
from shared.identity.tokens import TokenVerifier

COOKIE: Final = "page_session"
MAX_COOKIE_BYTES: Final = 3_800
"""browsers keep 4,096 bytes of a cookie, its name and attributes included"""


def of_page(request: Request, tokens: TokenVerifier) -> Call:
    """Whoever asks for a page. Problem 401 where nobody has signed in, or the token has ended."""
    token = cookie(request.scope["headers"], COOKIE)
    if not token:
        raise unauthenticated("Sign in first.")
    return call_with(request, token, tokens)


def of_script(request: Request, tokens: TokenVerifier) -> Call:
    """Authorization as everywhere, or, for a script of this origin, the page's cookie. Only for routes that change nothing: a
    browser sends these headers itself, and no page of another site can. Problem 401."""
    headers = request.headers
    ours = headers.get("sec-fetch-site") == "same-origin" and headers.get("sec-fetch-dest") == "empty"
    if "authorization" not in headers and ours and cookie(request.scope["headers"], COOKIE) is not None:
        return of_page(request, tokens)
    return authenticate(request, tokens)

"""Where somebody wanted to go before they had to sign in: a page of these pages, and nowhere else (RFC 9700, 4.11)."""

import re
from typing import Final

HOME: Final = "/review/"
_LONGEST: Final = 800
_PAGE: Final = re.compile(r"/(?:review|me)/[A-Za-z0-9._~/-]*(?:\?[A-Za-z0-9._~%&=+:,@-]*)?")
OWN_RECORD: Final = "/me/"
"""a client's pages (ehr_gateway), which share this way of signing in"""
_NEVER: Final = ("..", "//")


def way_back(asked: str | None) -> str:
    """`asked` where it is a page of ours, else the first page. Never an address with a host, `..`, `//` or a backslash."""
    if asked is None or len(asked) > _LONGEST or any(n in asked for n in _NEVER) or not _PAGE.fullmatch(asked):
        return HOME
    return HOME if asked.startswith("/review/sign") else asked

"""Preconditions of a change, in all spellings of RFC 9110 (8.8.3, 13.1.1): `*`, lists, weak and strong entity tags."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from shared.http.problems import Fault, invalid, stale_version, version_required

_OURS: Final = re.compile(r'(?:W/)?"([1-9][0-9]{0,8})"')


@dataclass(frozen=True, slots=True)
class Expected:
    """The versions that `If-Match` names."""

    versions: frozenset[int]
    any: bool = False
    """`*`: whichever there is"""

    def holds(self, version: int) -> bool:
        return self.any or version in self.versions

    def check(self, version: int) -> None:
        """412 where the newest version is none of them."""
        if not self.holds(version):
            raise stale_version()


def if_match(request: Request) -> Expected | None:
    """What `If-Match` asks for; None without it. 422 where it is malformed.

    The entity tags here are weak and compared as FHIR compares them (R4, HTTP: Managing Resource Contention): `W/"3"` and `"3"`
    name the same version. A tag that is none of ours matches nothing.
    """
    sent = request.headers.getlist("if-match")
    if not sent:
        return None
    value = ", ".join(sent).strip(" \t")
    if value == "*":
        return Expected(frozenset(), any=True)
    tags = _tags(value)
    if not tags:
        raise invalid([Fault("header:If-Match", 'the ETag that you read, as W/"3"; several by commas; or *')])
    return Expected(frozenset(int(m[1]) for tag in tags if (m := _OURS.fullmatch(tag))))


def _tags(value: str) -> list[str]:
    """The entity tags of a list, with a comma between any two (RFC 9110, 5.6.1 and 8.8.3). Empty where it is no such list."""
    tags, at, comma = list[str](), 0, True
    while at < len(value):
        if value[at] in " \t,":
            comma, at = comma or value[at] == ",", at + 1
            continue
        opening = at + 2 if value.startswith("W/", at) else at
        closing = value.find('"', opening + 1)
        inside = value[opening + 1 : closing]
        if not comma or value[opening : opening + 1] != '"' or closing < 0 or any(c <= " " or c == "\x7f" for c in inside):
            return []
        tags.append(value[at : closing + 1])
        comma, at = False, closing + 1
    return tags


def required_version(request: Request) -> Expected:
    """What `If-Match` asks for. 428 without it."""
    found = if_match(request)
    if found is None:
        raise version_required()
    return found

"""SMART App Launch 2 scopes: what a token's client may do with a resource type, before the gate decides about its caller.

`system/Consent.rs` (v2: letters of c, r, u, d, s, in that order) and `patient/*.read` (v1: read, write, *). A v2 scope with a
query part (`…rs?category=…`) limits in a way that is not evaluated here, so it grants nothing.
"""

import re
from collections.abc import Iterable
from typing import Final

_SCOPE: Final = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.([a-z]+|\*)(\?.*)?")
_V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_LETTERS: Final = re.compile(r"c?r?u?d?s?")


def granted(scopes: Iterable[str], resource: str, letter: str, *, own_record: bool) -> bool:
    """Whether the scopes allow `letter` (c, r, u, d or s) on that resource type.

    A token without any such scope is not limited by them. `own_record`: the token is a client's or representative's, which
    alone `patient/` scopes speak of.
    """
    matches = [m for s in scopes if (m := _SCOPE.fullmatch(s)) is not None]
    if not matches:
        return True
    return any(
        m[4] is None and m[2] in (resource, "*") and letter in _letters(m[3]) and (m[1] != "patient" or own_record)
        for m in matches
    )


def _letters(permission: str) -> str:
    known = _V1.get(permission)
    if known is not None:
        return known
    return permission if _LETTERS.fullmatch(permission) else ""

"""One-time answering links: `<public url>/answer/<administration>#<secret>`.

The secret stands behind `#`, which no browser sends, so that no log ever holds it. It is an HMAC under the service's own
secret rather than stored: a repeated request shows the same link again, and no table keeps one. The gate's registry holds its
SHA-256; it names its tenant because a link is the only thing its bearer has.
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from services.alliance_measurement.administrations.application.ports import AdministrationRow
from shared import base64url
from shared.contracts.disclosure import Caller
from shared.http.call import Call
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role

_SECRET: Final = re.compile(r"([a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)\.([A-Za-z0-9_-]{43})")


def link_secret(secret: bytes, tenant: str, administration_id: UUID) -> str:
    tag = hmac.digest(secret, f"answering-link\x00{tenant}\x00{administration_id}".encode(), sha256)
    return f"{tenant}.{base64url.encode(tag)}"


def link_digest(link: str) -> str:
    """What the gate's registry keeps of a secret."""
    return sha256(link.encode()).hexdigest()


def tenant_of(link: str) -> str | None:
    """The tenant that a secret names; None where it has not the form of one."""
    match = _SECRET.fullmatch(link)
    return match[1] if match else None


def link_closed(row: AdministrationRow, now: datetime, lasts: timedelta) -> Problem | None:
    """410 where a link is older than `lasts`."""
    if now >= row.requested_at + lasts:
        return Problem(410, "link-ended", "This link has ended", "Its time is over: ask for a new one.")
    return None


@dataclass(frozen=True, slots=True)
class LinkCall(Call):
    """A call by the bearer of an answering link: there is no token."""

    link: str

    @property
    def caller(self) -> Caller:
        return Caller(link=self.link)


def link_call(link: str, tenant: str, administration_id: UUID, *, request_id: str, idempotency_key: str | None) -> LinkCall:
    bearer = Principal(sub=f"link:{administration_id}", tenant=tenant, role=Role.CLIENT)
    return LinkCall(bearer, "", None, request_id, idempotency_key, link)

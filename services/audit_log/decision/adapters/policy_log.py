"""Policy changes as they reached the gate, each with an entry in the ledger, in one transaction; and the feed over HTTP."""

import ssl as tls
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
from pydantic import TypeAdapter

from services.audit_log.ledger.application.ports import Ledger, LedgerUnavailable, LogRefused
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.consent_policy import (
    ConsentSet,
    PolicyChange,
    PolicyFeedItem,
    PolicyFeedPage,
    RelationshipSet,
    RepresentativeSet,
)
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement, UniqueViolation
from shared.eventstore.store import EventStore
from shared.http.connections import connector
from shared.identity.assertions import ServiceCaller
from shared.messaging.port import Transient

_CHANGE: Final[TypeAdapter[PolicyChange]] = TypeAdapter(PolicyChange)
_SELECT: Final = "SELECT sequence, event_id, payload FROM policy_event WHERE tenant_id = $1 ORDER BY sequence"
_INSERT: Final = """INSERT INTO policy_event (tenant_id, sequence, event_id, client_id, payload, received_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
_PKEY: Final = "policy_event_pkey"
FEED_TIMEOUT_SECONDS: Final = 2.0


class PolicyLog:
    def __init__(self, store: EventStore, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._store, self._ledger, self._now = store, ledger, now

    async def load(self, tenant: str) -> list[PolicyFeedItem]:
        rows = await self._store.fetch(tenant, _SELECT, tenant)
        return [
            PolicyFeedItem(sequence=r["sequence"], event_id=r["event_id"], change=_CHANGE.validate_json(r["payload"]))
            for r in rows
        ]

    async def keep(self, tenant: str, items: Sequence[PolicyFeedItem]) -> None:
        """Durable when it returns. What is kept already, by message or feed, stays as it is. Transient; LogRefused, by which the
        message is parked: one tenant's refused log must not hold up the others'."""
        try:
            await self._append(tenant, items)
        except UniqueViolation as error:
            if error.constraint != _PKEY:
                raise
            for item in items if len(items) > 1 else ():
                await self.keep(tenant, [item])
        except LogRefused:
            raise
        except LedgerUnavailable:
            raise Transient("the ledger does not answer") from None

    async def _append(self, tenant: str, items: Sequence[PolicyFeedItem]) -> None:
        now = self._now()
        await self._ledger.append(
            tenant,
            [_entry(item, now) for item in items],
            statements=[
                Statement(
                    _INSERT,
                    (
                        tenant,
                        item.sequence,
                        UUID(str(item.event_id)),
                        item.change.client_id,
                        item.change.model_dump_json().encode(),
                        now,
                    ),
                )
                for item in items
            ],
        )


def _entry(item: PolicyFeedItem, now: datetime) -> Entry:
    change = item.change
    if isinstance(change, ConsentSet):
        basis, reason = f"consent:{change.consent_id}", f"consent-{change.status}"
    else:
        if isinstance(change, RelationshipSet):
            kind, subject = "relationship", change.relationship_id
        elif isinstance(change, RepresentativeSet):
            kind, subject = "representative", change.representative_id
        else:
            kind, subject = "restriction", change.restriction_id
        ended = change.end is not None and change.end <= now
        basis, reason = f"{kind}:{subject}", f"{kind}-{'ended' if ended else 'set'}"
    return Entry(
        kind=EntryKind.POLICY,
        at=now,
        action="update",
        outcome="done",
        reason=reason,
        agent=f"service:{ServiceName.CONSENT}",
        agent_role="service",
        service=str(ServiceName.CONSENT),
        request_id=str(item.event_id),
        client_id=str(change.client_id),
        basis=(basis,),
        policy_sequence=item.sequence,
    )


class HttpPolicyFeed:
    """`GET /v1/policy-feed` of the consent service, as the gate. Raises aiohttp.ClientError, TimeoutError, ValueError."""

    def __init__(self, base_url: str, caller: ServiceCaller, *, ssl: tls.SSLContext | None = None) -> None:
        """`caller` signs requests to the consent service."""
        self._base_url, self._caller, self._ssl = base_url.rstrip("/"), caller, ssl
        self._session: aiohttp.ClientSession | None = None

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        path, query = "/v1/policy-feed", urlencode({"tenant": tenant, "after": after})
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=connector(self._ssl, limit=8), cookie_jar=aiohttp.DummyCookieJar())
        async with self._session.get(
            f"{self._base_url}{path}?{query}",
            headers=self._caller.headers("GET", path, query, b""),
            timeout=aiohttp.ClientTimeout(total=FEED_TIMEOUT_SECONDS),
            allow_redirects=False,
            raise_for_status=True,
        ) as response:
            return PolicyFeedPage.model_validate_json(await response.read())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

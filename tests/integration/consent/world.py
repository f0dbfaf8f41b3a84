"""consent and the real gate in one process, over HTTP: what a caller of the service sees."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

import services.consent.bootstrap as consent
from services.audit_log.bootstrap import AuditLogService
from services.consent.application.policy_feed import PolicyFeedReader
from shared.contracts.consent_policy import PolicyFeedPage
from shared.contracts.disclosure import (
    Action,
    Caller,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    RecordRef,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.records import RecordType, ServiceName
from shared.gate.port import Gate, GateUnavailable
from shared.identity.assertions import ServiceCaller
from shared.service import clock
from shared.service.parts import Parts
from tests.e2e.rest import Person, Rest
from tests.support.clients import registered_for
from tests.support.http import serving
from tests.support.postgres import Postgres
from tests.support.wired import Wiring, wired

GATE = ("/v1/erasures", "/v1/audit", "/v1/ehr-systems", "/v1/practice", "/v1/break-glass")
"""paths that audit_log answers"""


class Line:
    """The way to the real gate; a test may cut it for confirmations."""

    def __init__(self, gate: Gate, service: AuditLogService) -> None:
        self._gate, self._service = gate, service
        self.registers = True
        """whether clients for whom something is written are registered beforehand"""
        self.cut = False
        """no confirmations"""
        self.dead = False
        """no answers at all"""
        self.asked: list[DisclosureRequest] = []
        self.confirmed: list[int] = []

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        if self.dead:
            raise GateUnavailable("the line is dead")
        self.asked.append(request)
        if self.registers:
            await registered_for(self._service, request)
        return await self._gate.disclose(request)

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        if self.cut:
            raise GateUnavailable("the line is cut")
        self.confirmed.append(sequence)
        return await self._gate.confirm_policy(tenant, sequence)

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        return await self._gate.set_release(request)


class LateFeed:
    """The gate needs consent's feed and consent needs the gate."""

    source: PolicyFeedReader

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        return await self.source.read(tenant, after)


@dataclass
class World:
    base_url: str
    gate_url: str
    session: aiohttp.ClientSession
    wiring: Wiring
    line: Line
    service: consent.Consent
    parts: Parts
    notes_gate: Gate
    """the gate as the service of the notes would ask it"""

    def clinic(self) -> "Clinic":
        tenant = f"t-{uuid4().hex[:12]}"

        def mint(**claims: Any) -> str:
            return self.wiring.issuer.token({k: v for k, v in claims.items() if v is not None})

        return Clinic(self, Rest(self.session, self.origin, mint, tenant), str(uuid4()))

    def origin(self, path: str) -> str:
        return self.gate_url if path.startswith(GATE) else self.base_url

    def signed(self, service: ServiceName, path: str, query: str) -> dict[str, str]:
        """Headers of a request from that service to consent."""
        caller = ServiceCaller(
            self.wiring.keys[service], self.wiring.directory, ServiceName.CONSENT, clock=clock.seconds, random=clock.random
        )
        return caller.headers("GET", path, query, b"")


@dataclass
class Clinic:
    """A tenant of its own, with one client."""

    world: World
    rest: Rest
    client_id: str
    tenant: str = field(init=False)

    def __post_init__(self) -> None:
        self.tenant = self.rest.tenant

    def sent(self) -> list[tuple[str, str]]:
        """Topic and type of what left for this tenant."""
        return [(m.topic, m.headers["ce_type"]) for m in self.world.wiring.bus.sent if m.headers["ce_tenant"] == self.tenant]

    @property
    def intake(self) -> Person:
        return self.rest.as_("intake-1", "intake")

    @property
    def client(self) -> Person:
        return self.rest.as_("noor.haddad", "client", client_id=self.client_id)

    @property
    def marsh(self) -> Person:
        return self.rest.as_("lena.marsh", "therapist")

    @property
    def ines(self) -> Person:
        return self.rest.as_("ines.haddad", "representative", client_id=self.client_id)

    def parent(self, **changes: Any) -> dict[str, Any]:
        given = {
            "client_id": self.client_id,
            "person": "ines.haddad",
            "name": "Ines canary",
            "kind": "parent",
            "authority": "parental-responsibility",
            "evidence": "Birth certificate, seen.",
            "period": {"start": "2026-01-01"},
            "may": ["read", "sign"],
            "client_birth_date": "2012-05-01",
            "jurisdiction": "US-CA",
            **changes,
        }
        return {k: v for k, v in given.items() if v is not None}

    async def note_of_marsh(self) -> str:
        """A progress note, as far as the gate knows of one."""
        record_id = str(uuid4())
        ref = RecordRef(record_id=record_id, client_id=self.client_id, record_type=RecordType.PROGRESS_NOTE, author="lena.marsh")
        request = DisclosureRequest(
            tenant=self.tenant, action=Action.CREATE, caller=Caller(token=self.marsh.token), request_id="", records=(ref,)
        )
        assert (await self.world.notes_gate.disclose(request)).decision == "permit"
        return record_id

    async def related(self, sub: str = "lena.marsh", role: str = "therapist") -> str:
        """The id of a current relationship."""
        return (await self.intake.post("/v1/relationships", self.relationship(sub, role))).id

    def relationship(self, sub: str = "lena.marsh", role: str = "therapist") -> dict[str, Any]:
        return {"client_id": self.client_id, "practitioner_id": sub, "role": role, "period": {"start": "2026-01-01"}}

    def form(self, **changes: Any) -> dict[str, Any]:
        return {
            "client_id": self.client_id,
            "kind": "treatment",
            "grantor": {"role": "client", "name": "Noor Haddad"},
            "policy": {"base": "permit", "provisions": []},
            "period": {"start": "2026-01-01"},
            "elements": ELEMENTS,
            **changes,
        }

    async def proposed(self, **changes: Any) -> str:
        return (await self.intake.post("/v1/consents", self.form(**changes))).id

    async def active(self, **changes: Any) -> str:
        consent_id = await self.proposed(**changes)
        signed = await self.client.post(f"/v1/consents/{consent_id}/signatures")
        assert signed.json["status"] == "active", signed.json
        return consent_id


ELEMENTS = {
    "explained_by": "Dr. Lena Marsh",
    "explained_on": "2026-01-01",
    "nature": "Weekly sessions of fifty minutes.",
    "risks": "Strong feelings may come up: canary-risk.",
    "alternatives": "Group therapy, or waiting.",
    "limits_of_confidentiality": "Serious and imminent danger; a court order.",
}


@asynccontextmanager
async def running_world(postgres: Postgres, directory_path: Path) -> AsyncIterator[World]:
    wiring, feed = await wired(postgres, ServiceName.CONSENT), LateFeed()
    gate = wiring.audit_log(feed, directory_path)
    line = Line(gate.direct_gate(ServiceName.CONSENT), gate)
    parts = wiring.parts(ServiceName.CONSENT, line)
    consenting = consent.build(parts, verify_service=consent.gate_only(parts, wiring.keys[ServiceName.CONSENT], wiring.directory))
    feed.source = consenting.policy_feed
    async with AsyncExitStack() as stack:
        await wiring.bus.start()
        stack.push_async_callback(wiring.bus.stop)
        for service in (gate, consenting):
            await service.start()
            stack.push_async_callback(service.stop)
        base_url = await stack.enter_async_context(serving(consenting.app))
        gate_url = await stack.enter_async_context(serving(gate.app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        notes_gate = Line(gate.direct_gate(ServiceName.SESSION_NOTES), gate)
        yield World(base_url, gate_url, session, wiring, line, consenting, parts, notes_gate)

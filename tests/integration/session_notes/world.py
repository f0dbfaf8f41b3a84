"""session_notes with the real gate in one process, over HTTP and real PostgreSQL; relationships and consents are given it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp

import services.audit_log.bootstrap as audit_log
import services.session_notes.bootstrap as session_notes
from infra.postgres.provision import OwnedDatabase
from services.audit_log.gate.application.direct import DirectGate
from services.session_notes.desk.application.downtime import Bounds
from services.session_notes.settings import Settings
from shared.contracts.alliance import PromptPrepared
from shared.contracts.amendments import AmendmentAccepted, DisagreementStated
from shared.contracts.consent_policy import (
    ConsentKind,
    ConsentSet,
    ConsentStatus,
    Period,
    Policy,
    PolicyChange,
    PolicyFeedItem,
    PolicyFeedPage,
    Provision,
    RelationshipRole,
    RelationshipSet,
)
from shared.contracts.disclosure import (
    Action,
    Caller,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    RecordKey,
    RecordRef,
    ReleaseAudience,
    ReleaseRequest,
    ReleaseState,
)
from shared.contracts.downtime import LateAnswer, LateWrite, SignedGateKey
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED
from shared.contracts.records import ALLIANCE_RATING, KeyClass, RecordType, ServiceName
from shared.contracts.topics import ALLIANCE, CONSENT, RECEIPTS
from shared.eventstore.model import NewEvent, Publication
from shared.gate.port import Away, GateUnavailable
from shared.identity.development import DevelopmentIssuer
from shared.messaging.port import Outbound
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.service import clock
from shared.service.parts import Parts
from shared.service.record import WriteMeta, client_key, record_event
from tests.e2e.rest import Answer, Person, Rest
from tests.support.clients import signed
from tests.support.http import serving
from tests.support.postgres import Postgres
from tests.support.waiting import until
from tests.support.wired import ListeningBus, wired

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
ALWAYS = Period(start=SINCE)
SOAP = {"subjective": "Slept better.", "objective": "Calm.", "assessment": "On the way.", "plan": "Weekly."}


class GivenPolicy:
    """What the consent service would feed to the gate."""

    def __init__(self) -> None:
        self._changes: dict[str, list[PolicyChange]] = {}

    def add(self, tenant: str, change: PolicyChange) -> int:
        changes = self._changes.setdefault(tenant, [])
        changes.append(change)
        return len(changes)

    async def read(self, tenant: str, after: int) -> PolicyFeedPage:
        changes = self._changes.get(tenant, [])
        items = tuple(
            PolicyFeedItem(sequence=n, event_id=uuid4(), change=change)
            for n, change in enumerate(changes[after:], start=after + 1)
        )
        return PolicyFeedPage(tenant=tenant, items=items, head=len(changes))


class Line:
    """The way to the real gate, and what was asked over it; a test may cut it."""

    def __init__(self, gate: DirectGate) -> None:
        self._gate = gate
        self.cut: Away | None = None
        """what does not answer"""
        self.settled: list[LateWrite] = []
        """what was handed in afterwards"""
        self.lost = 0
        """so many answers to that are lost on their way back"""
        self.asked: list[DisclosureRequest] = []

    def _over(self) -> None:
        if self.cut:
            raise GateUnavailable("the line is cut", self.cut)

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        self._over()
        self.asked.append(request)
        return await self._gate.disclose(request)

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        return await self._gate.confirm_policy(tenant, sequence)

    async def gate_key(self) -> SignedGateKey:
        self._over()
        return await self._gate.gate_key()

    async def settle(self, write: LateWrite) -> LateAnswer:
        self._over()
        answer = await self._gate.settle(write)
        self.settled.append(write)
        if self.lost:
            self.lost -= 1
            raise GateUnavailable("the answer is lost", Away.GATE)
        return answer

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        return await self._gate.set_release(request)


@dataclass
class World:
    base_url: str
    gate_url: str
    session: aiohttp.ClientSession
    issuer: DevelopmentIssuer
    gate: audit_log.AuditLogService
    line: Line
    policy: GivenPolicy
    bus: ListeningBus
    database: OwnedDatabase
    notes: session_notes.SessionNotes
    alliance: Parts
    consent: Parts
    officer: Parts
    """of audit_log, for what it publishes"""
    admin_dsn: str

    def clinic(self) -> "Clinic":
        def mint(**claims: Any) -> str:
            return self.issuer.token({k: v for k, v in claims.items() if v is not None})

        def origin(path: str) -> str:
            at_the_gate = path.startswith(("/v1/erasures", "/v1/audit")) or "/holds" in path
            return self.gate_url if at_the_gate else self.base_url

        return Clinic(self, Rest(self.session, origin, mint, f"t-{uuid4().hex[:12]}"))


@dataclass
class Clinic:
    """A tenant of its own."""

    world: World
    rest: Rest
    client_id: str = ""

    @property
    def tenant(self) -> str:
        return self.rest.tenant

    @property
    def intake(self) -> Person:
        return self.rest.as_("intake-1", "intake")

    @property
    def marsh(self) -> Person:
        return self.rest.as_("lena.marsh", "therapist")

    @property
    def okoye(self) -> Person:
        return self.rest.as_("sam.okoye", "therapist")

    @property
    def stranger(self) -> Person:
        return self.rest.as_("stranger", "therapist")

    @property
    def client(self) -> Person:
        return self.rest.as_("noor.haddad", "client", client_id=self.client_id)

    async def opened(self) -> "Clinic":
        """With one client, their therapist, and consents to treatment and measurement."""
        made = await self.intake.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "1991-04-03"})
        self.client_id = made.id
        await self.relate("lena.marsh")
        await self.consent(ConsentKind.TREATMENT)
        await self.consent(ConsentKind.MEASUREMENT)
        return self

    async def relate(self, sub: str, role: RelationshipRole = RelationshipRole.THERAPIST, end: datetime | None = None) -> None:
        await self._change(
            RelationshipSet(
                relationship_id=uuid4(),
                client_id=UUID(self.client_id),
                practitioner_id=sub,
                role=role,
                start=SINCE,
                end=end,
                at=clock.now(),
                recorded_by="ines.intake",
                recorded_at=clock.now(),
            )
        )

    async def consent(
        self,
        kind: ConsentKind,
        *,
        base: Any = "permit",
        provisions: tuple[Provision, ...] = (),
        status: ConsentStatus = ConsentStatus.ACTIVE,
        consent_id: UUID | None = None,
        covers: tuple[str, ...] = (),
    ) -> UUID:
        consent_id = consent_id or uuid4()
        await self._change(
            ConsentSet(
                consent_id=consent_id,
                client_id=UUID(self.client_id),
                kind=kind,
                status=status,
                policy=Policy(base=base, provisions=provisions),
                period=ALWAYS,
                covers=covers,
                at=clock.now(),
            )
        )
        return consent_id

    async def _change(self, change: PolicyChange) -> None:
        sequence = self.world.policy.add(self.tenant, change)
        await self.world.gate.direct_gate(ServiceName.CONSENT).confirm_policy(self.tenant, sequence)

    def session_body(self, **changes: Any) -> dict[str, Any]:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        return {
            "client_id": self.client_id,
            "therapist_id": "lena.marsh",
            "started_at": start.isoformat(),
            "ended_at": (start + timedelta(minutes=50)).isoformat(),
            "modality": "psychodynamic",
            "format": "individual",
            "attendance": "attended",
            **changes,
        }

    async def session(self, who: Person | None = None, **changes: Any) -> str:
        return (await (who or self.marsh).post("/v1/sessions", self.session_body(**changes))).id

    async def progress(self, session: str, who: Person | None = None, **changes: Any) -> str:
        body = {"format": "SOAP", "sections": SOAP, **changes}
        return (await (who or self.marsh).post(f"/v1/sessions/{session}/progress-notes", body)).id

    async def private(self, session: str, who: Person | None = None, text: str = "An image stayed.") -> str:
        body = {"sections": {"countertransference": text}}
        return (await (who or self.marsh).post(f"/v1/sessions/{session}/psychotherapy-notes", body)).id

    async def put(self, who: Person, note: str, body: Any, version: int | None, want: int = 200) -> Answer:
        headers = {} if version is None else {"If_Match": f'W/"{version}"'}
        return await who.call("PUT", f"/v1/notes/{note}", body, want=want, **headers)

    def asked(self) -> list[DisclosureRequest]:
        """What the gate was asked for this tenant."""
        return [r for r in self.world.line.asked if r.tenant == self.tenant]

    def sent(self, topic: str) -> list[Outbound]:
        return [m for m in self.world.bus.sent if m.topic == topic and m.headers["ce_tenant"] == self.tenant]

    async def relayed(self, topic: str, count: int) -> None:
        """Waits until so many messages of this tenant have left on that topic."""

        async def there() -> bool:
            return len(self.sent(topic)) >= count

        await until(there)

    async def publish(self, parts: Parts, topic: str, event: NewEvent, publication: Publication) -> None:
        """As the relay of that service would."""
        key = client_key(self.tenant, self.client_id)
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(publication.event_id or event.event_id),
            "ce_type": publication.type or event.type,
            "ce_subject": "test/stream",
            "ce_time": clock.now().isoformat(),
            "ce_sequence": "1",
            "ce_tenant": self.tenant,
            "ce_schemaversion": str(event.schema_version),
            "content-type": "application/json",
        }
        payload = publication.payload if publication.payload is not None else event.data
        signed = parts.signer.sign(topic, key, headers, payload)
        await self.world.bus.publish([Outbound(topic, key, signed, payload)])

    async def prompt(self, body: dict[str, Any], *, at: datetime | None = None) -> UUID:
        """A prompt as alliance_measurement makes it: created under its job, sealed, published."""
        prompt_id, event = await self.prepared(body, at=at)
        await self.publish(self.world.alliance, ALLIANCE, event, Publication(ALLIANCE, ""))
        return prompt_id

    async def prepared(self, body: dict[str, Any], *, at: datetime | None = None) -> tuple[UUID, NewEvent]:
        """One that was not published yet."""
        parts, prompt_id = self.world.alliance, uuid4()
        answer = await self.world.gate.direct_gate(ServiceName.ALLIANCE).disclose(
            DisclosureRequest(
                tenant=self.tenant,
                action=Action.CREATE,
                caller=Caller(job="strain_detection"),
                request_id="strain",
                records=(
                    RecordRef(
                        record_id=str(prompt_id),
                        client_id=self.client_id,
                        record_type=RecordType.REPAIR_PROMPT,
                        labels=(ALLIANCE_RATING,),
                    ),
                ),
            )
        )
        (key,) = answer.keys
        event = record_event(
            PromptPrepared(client_id=UUID(self.client_id), prompt_id=prompt_id, body=Sealed(body), at=at or clock.now()),
            parts=parts,
            call_meta=WriteMeta(self.tenant, "job:strain_detection", "job", answer.entries[0], "strain"),
            key=key,
        )
        return prompt_id, event

    async def amended(
        self, record_id: str, kind: str = "accepted", *, of: str = "", under: str = "", by: Parts | None = None
    ) -> str:
        """What consent publishes once an amendment of that record is accepted, or a disagreement stated. The request's id.

        `of`: another client whose request it was; `under`: another client under whose key it is published."""
        amendment_id, client = uuid4(), UUID(of or self.client_id)
        about: dict[str, Any] = {
            "client_id": client, "amendment_id": amendment_id, "at": clock.now(), "by": "p-1", "role": "therapist",
            "amended_record": UUID(record_id),
        }  # fmt: skip
        words = Sealed("Her sister's name is Mona.")
        made: Event = (
            AmendmentAccepted(**about, text=words) if kind == "accepted" else DisagreementStated(**about, statement=words)
        )
        key = RecordKey(
            record_id=str(amendment_id), key_class=KeyClass.CONSENT_EVIDENCE, kid="k_" + "a" * 22, key=clock.random(32)
        )
        meta = WriteMeta(self.tenant, "p-1", "therapist", 1, "amend")
        event = record_event(made, parts=self.world.consent, call_meta=meta, key=key)
        publisher = replace(self, client_id=under or str(client))
        await publisher.publish(by or self.world.consent, CONSENT, event, Publication(CONSENT, ""))
        return str(amendment_id)

    async def signed(self, *notes: str) -> None:
        """As if the gate had the receipts of these notes' signatures."""
        await signed(self.world.gate._store, self.tenant, self.client_id, *notes)

    async def erase(self, *classes: KeyClass) -> str:
        """By two officers; returns when this service has acknowledged it. The erasure's id."""
        one, two = (self.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2))
        body = {"client_id": self.client_id, "key_classes": classes, "basis": "GDPR 17(1)(b)"}
        asked = await one.post("/v1/erasures", body, want=202)
        await two.post(f"/v1/erasures/{asked.id}/approvals", want=(200, 202))

        async def acknowledged() -> bool:
            return any(m.headers["ce_type"] == ERASURE_ACKNOWLEDGED for m in self.sent(RECEIPTS))

        await until(acknowledged)
        return asked.id

    async def release(self, therapist: ReleaseAudience) -> None:
        await self.world.gate.direct_gate(ServiceName.ALLIANCE).set_release(
            ReleaseRequest(
                tenant=self.tenant,
                client_id=self.client_id,
                caller=Caller(token=self.client.token),
                request_id="release",
                therapist=therapist,
            )
        )


@asynccontextmanager
async def running_world(postgres: Postgres, directory: Path) -> AsyncIterator[World]:
    wiring, policy = await wired(postgres, ServiceName.SESSION_NOTES), GivenPolicy()
    gate = wiring.audit_log(policy, directory)
    line = Line(gate.direct_gate(ServiceName.SESSION_NOTES))
    settings = Settings(downtime=Bounds(after_seconds=0))
    notes = session_notes.build(replace(wiring.parts(ServiceName.SESSION_NOTES, line), late_gate=line), settings)
    async with AsyncExitStack() as stack:
        await wiring.bus.start()
        stack.push_async_callback(wiring.bus.stop)
        for service in (gate, notes):
            await service.start()
            stack.push_async_callback(service.stop)
        base_url = await stack.enter_async_context(serving(notes.app))
        gate_url = await stack.enter_async_context(serving(gate.app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(
            base_url,
            gate_url,
            session,
            wiring.issuer,
            gate,
            line,
            policy,
            wiring.bus,
            wiring.urls["session_notes"],
            notes,
            wiring.parts(ServiceName.ALLIANCE),
            wiring.parts(ServiceName.CONSENT),
            wiring.parts(ServiceName.AUDIT_LOG),
            postgres.admin_dsn,
        )

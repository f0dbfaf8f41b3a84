"""Writing over FHIR: the same commands as over REST, with the resource kept as it was sent.

A consent that says `active` becomes so in the same call where nothing is missing and the caller may attest the signature that
its source holds (intake, by the gate's rules). Otherwise it is a proposal, and the answer says what it waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.consent.application.consents import Also, Consents
from services.consent.application.fhir_ports import ConditionalCreates
from services.consent.application.fhir_reading import FhirReading
from services.consent.application.fhir_search import Search
from services.consent.application.fhir_versions import versions
from services.consent.domain.consent import Phase
from services.consent.domain.errors import ConsentError
from services.consent.domain.events import Attestation
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.events import FhirSourceRecorded
from services.consent.domain.fhir.reading import Imported
from services.consent.domain.fhir.resource import parse_json, stored_json
from services.consent.domain.standing import Signer
from shared.contracts.disclosure import Action
from shared.eventstore.model import Statement, UniqueViolation
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.fhir import encoded
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, Problem, conflict, invalid, stale_version
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed

ATTEMPTS = 5
"""times a conditional create looks again because another one was faster"""


@dataclass(frozen=True, slots=True)
class Outcome:
    consent_id: UUID
    status: int
    notes: tuple[tuple[str, str], ...]
    """(FHIRPath, what is worth knowing) for the OperationOutcome"""


class FhirWriting:
    def __init__(self, store: EventStore, *, consents: Consents, reading: FhirReading, creates: ConditionalCreates) -> None:
        self._store, self._consents, self._reading, self._creates = store, consents, reading, creates

    async def create(self, call: Call, imported: Imported, source: str, repeat: Repeat, only_if_none: Search | None) -> Answer:
        """201 with the id; 200 with the one that matches already; 412 where several do."""
        for _ in range(ATTEMPTS):
            statements: tuple[Statement, ...] = ()
            if only_if_none is not None:
                turn = await self._creates.turn(call.tenant, imported.form.client_id)
                found = await self._reading.search(call, only_if_none, None)
                if len(found.resources) > 1 or found.next is not None:
                    raise Problem(412, "several-match", "Several match", "If-None-Exist matches more than one: make it narrower.")
                if found.resources:
                    return Answer(200, {"id": found.resources[0]["id"]})
                statements = (self._creates.taken(call.tenant, imported.form.client_id, turn),)
            try:
                return await self._consents.propose(
                    call, imported.form, repeat, also=_kept(call, imported, source), statements=statements
                )
            except UniqueViolation as error:
                if error.constraint != "conditional_creates_pkey":
                    raise
        raise conflict("Other conditional creates for this client are under way: send it again.")

    async def update(self, call: Call, consent_id: UUID, imported: Imported, source: str, expected: int) -> Outcome:
        """200. A proposal is amended; an active consent can be ended; what was signed is not rewritten (409)."""
        opened = await self._reading.opened(call, consent_id, Action.UPDATE)
        found = await versions(self._store, call.tenant, consent_id)
        now = found[-1]
        if now.number != expected:
            raise stale_version()
        if imported.form.client_id != now.state.client_id:
            raise conflict("A consent stays its client's: create another one.")
        key = opened.keys.get(str(consent_id))
        if now.source is not None and key is not None and _same(source, now.source.source.open(key)):
            return Outcome(consent_id, 200, imported.warnings)
        if now.state.phase is Phase.PROPOSED:
            also = _kept(call, imported, source)
            await self._consents.amend(call, consent_id, imported.form, expected, also=also)
            return await self.settle(call, consent_id, imported)
        if imported.status not in codes.OPEN_STATUSES and now.state.phase is Phase.ACTIVE:
            await self._consents.revoke(_once(call), consent_id, None, _nothing_kept(call))
            return Outcome(consent_id, 200, imported.warnings)
        raise conflict(
            "What was signed is not rewritten: create a new consent, and end this one with status inactive where it still holds."
        )

    async def settle(self, call: Call, consent_id: UUID, imported: Imported) -> Outcome:
        """Brings a proposal to the status that was sent, as far as the caller may; the notes say what it still waits for."""
        state = (await versions(self._store, call.tenant, consent_id))[-1].state
        notes = list(imported.warnings)
        if state.phase is Phase.PROPOSED and imported.status not in codes.OPEN_STATUSES:
            await self._consents.revoke(_once(call), consent_id, None, _nothing_kept(call))
        elif state.phase is Phase.PROPOSED and imported.status == "active":
            notes += await self._activate(call, consent_id, imported, state.missing)
        return Outcome(consent_id, 201, tuple(notes))

    async def written(
        self, call: Call, consent_id: UUID, *, read_back: bool
    ) -> tuple[int, datetime, dict[str, object] | None, dict[str, str]]:
        """Version, instant and, where it is wanted and the author may read it back, the resource: else the answer is empty."""
        if read_back:
            try:
                shown = await self._reading.consent(call, consent_id)
            except Problem as problem:
                if problem.status not in (403, 404):
                    raise
            else:
                return shown.number, shown.updated, shown.body, shown.headers
        last = (await versions(self._store, call.tenant, consent_id))[-1]
        entry = last.meta.get("entry")
        return last.number, last.last.recorded_at, None, {"Audit-Entry": str(entry)} if entry is not None else {}

    async def _activate(self, call: Call, consent_id: UUID, imported: Imported, missing: Sequence[str]) -> list[tuple[str, str]]:
        lacking = [m for m in missing if m != "signature"]
        if lacking:
            return [("Consent.status", f"is proposed until it is complete; missing: {', '.join(lacking)}")]
        if call.principal.role is not Role.INTAKE or not imported.evidence:
            return [("Consent.status", "is proposed until it is signed: by the client, or at intake with the signed source")]
        signer = Signer.REPRESENTATIVE if imported.by_representative else Signer.CLIENT
        seen = Attestation(witness=(call.principal.name or call.principal.sub)[:200], evidence=imported.evidence)
        try:
            await self._consents.sign(_once(call), consent_id, seen, _nothing_kept(call), None, signer)
        except ConsentError as error:
            return [("Consent.status", f"is proposed: {error}")]
        return []


def _kept(call: Call, imported: Imported, source: str) -> Also:
    """422 where what is to be stored could not be given back."""
    try:
        encoded(stored_json(source))
    except (TypeError, ValueError, ArithmeticError):
        raise invalid([Fault("Consent", "holds what cannot be written as JSON again")]) from None

    def events(consent_id: UUID, at: datetime) -> list[Event]:
        return [
            FhirSourceRecorded(
                consent_id=consent_id,
                client_id=imported.form.client_id,
                dialect=imported.dialect,
                status=imported.status,
                scope=imported.scope,
                categories=imported.categories,
                author=call.principal.sub,
                at=at,
                source=Sealed(source),
            )
        ]

    return events


def _same(sent: str, kept: str) -> bool:
    """Whether two resources differ in nothing but what the server writes."""
    one, other = parse_json(sent), stored_json(kept)
    for resource in (one, other):
        resource.pop("id", None)
        meta = {k: v for k, v in (resource.pop("meta", None) or {}).items() if k not in ("versionId", "lastUpdated")}
        resource["meta"] = meta
    return bool(one == other)


def _once(call: Call) -> Call:
    """The call without its Idempotency-Key: that one stands for the create."""
    return replace(call, idempotency_key=None)


def _nothing_kept(call: Call) -> Repeat:
    return Repeat(_once(call), b"")

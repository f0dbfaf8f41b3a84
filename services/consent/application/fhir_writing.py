"""Writing over FHIR: the same commands as over REST, with the resource kept as it was sent.

A consent that says `active` becomes so in the same call where nothing is missing and the caller may attest the signature that
its source holds (intake, by the gate's rules). Otherwise it is a proposal, and the answer says what it waits for.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.consent.application.consent_steps import Step, Then
from services.consent.application.consents import Also, Consents, nothing
from services.consent.application.fhir_ports import ConditionalCreates
from services.consent.application.fhir_reading import FhirReading
from services.consent.application.fhir_search import Search
from services.consent.application.fhir_versions import versions
from services.consent.domain.consent import Amend, Consent, Phase, Propose, fold
from services.consent.domain.errors import ConsentError, InvalidForm
from services.consent.domain.events import Attestation
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.events import FhirSourceRecorded
from services.consent.domain.fhir.reading import Imported
from services.consent.domain.fhir.resource import parse_json, stored_json
from services.consent.domain.fhir.shape import in_fhir
from services.consent.domain.life import decide
from services.consent.domain.standing import Signer
from shared.contracts.disclosure import Action
from shared.eventstore.model import Statement, UniqueViolation
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.conditional import Expected
from shared.http.fhir import encoded
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import Fault, Problem, conflict, invalid
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed

ATTEMPTS = 5
"""times a conditional create looks again because another one was faster"""


class FhirWriting:
    def __init__(
        self,
        store: EventStore,
        *,
        consents: Consents,
        reading: FhirReading,
        creates: ConditionalCreates,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._consents, self._reading, self._creates, self._now = store, consents, reading, creates, now

    async def create(self, call: Call, imported: Imported, source: str, repeat: Repeat, only_if_none: Search | None) -> Answer:
        """201 with the id; 200 with the one that matches already; 412 where several do.

        What the status asks for beside the proposal goes into the same transaction: who may not do it writes nothing.
        """
        now = self._now()
        supposed = _filled_in(None, Propose(UUID(int=0), imported.form, call.principal.sub, now))
        then, _ = await self._settling(call, imported, supposed, now)
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
                    call, imported.form, repeat, also=_kept(call, imported, source), then=then, statements=statements
                )
            except UniqueViolation as error:
                if error.constraint != "conditional_creates_pkey":
                    raise
        raise conflict("Other conditional creates for this client are under way: send it again.")

    async def update(self, call: Call, consent_id: UUID, imported: Imported, source: str, expected: Expected) -> None:
        """A proposal is amended; an active consent can be ended; what was signed is not rewritten (409). All of it or nothing."""
        opened = await self._reading.opened(call, consent_id, Action.UPDATE)
        written = (await versions(self._store, call.tenant, consent_id))[-1]
        state, now, client_id = written.state, self._now(), imported.form.client_id
        expected.check(written.number)
        if client_id != state.client_id:
            raise conflict("A consent stays its client's: create another one.")
        key = opened.keys.get(str(consent_id))
        same = written.source is not None and key is not None and _same(source, written.source.source.open(key))
        by, steps = call.principal.sub, list[Step]()
        also: Also = nothing
        after: Consent | None = state
        if state.phase is Phase.PROPOSED and not same:
            steps, also = [Step(opened, lambda at: Amend(imported.form, by, at))], _kept(call, imported, source)
            after = _filled_in(state, Amend(imported.form, by, now))
        elif state.phase is not Phase.PROPOSED and not same and not _ends(state, imported):
            raise conflict(
                "What was signed is not rewritten: create a new consent, and end this one (status inactive) where it still holds."
            )
        then, _ = await self._settling(call, imported, after, now)
        if then is not None:
            steps.append(await self._consents.opened_for(call, consent_id, then))
        if steps:
            await self._consents.write(call, consent_id, client_id, steps, expected, also=also)

    async def notes(self, call: Call, consent_id: UUID, imported: Imported) -> tuple[tuple[str, str], ...]:
        """What was read cautiously, and what an `active` still waits for: (FHIRPath, in words)."""
        state = (await versions(self._store, call.tenant, consent_id))[-1].state
        if state.phase is not Phase.PROPOSED or imported.status != "active":
            return imported.warnings
        _, waits = await self._settling(call, imported, state, self._now())
        return (*imported.warnings, *([("Consent.status", waits)] if waits else []))

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

    async def _settling(self, call: Call, imported: Imported, state: Consent | None, now: datetime) -> tuple[Then | None, str]:
        """What brings a consent to the status that was sent; else, for an `active`, what it still waits for.

        ConsentError where the caller may not end it.
        """
        if state is None or state.phase not in (Phase.PROPOSED, Phase.ACTIVE):
            return None, ""
        if imported.status not in codes.OPEN_STATUSES:
            ending = await self._consents.ending(call, state.client_id)
            decide(state, ending.command_at(now))
            return ending, ""
        if state.phase is Phase.ACTIVE or imported.status != "active":
            return None, ""
        lacking = [m for m in state.missing if m != "signature"]
        if lacking:
            return None, f"is proposed until it is complete; missing: {', '.join(lacking)}"
        if call.principal.role is not Role.INTAKE or not imported.evidence:
            return None, "is proposed until it is signed: by the client, or at intake with the signed source"
        signer = Signer.REPRESENTATIVE if imported.by_representative else Signer.CLIENT
        seen = Attestation(witness=(call.principal.name or call.principal.sub)[:200], evidence=imported.evidence)
        signing = await self._consents.signing(call, state.client_id, seen, signer)
        try:
            decide(state, signing.command_at(now))
        except ConsentError as error:
            return None, f"is proposed: {error}"
        return signing, ""


def _filled_in(state: Consent | None, command: Propose | Amend) -> Consent | None:
    """The consent with the form of the resource. InvalidForm by the resource's elements."""
    try:
        return fold(state, decide(state, command))
    except InvalidForm as error:
        raise in_fhir(error) from None


def _ends(state: Consent, imported: Imported) -> bool:
    return state.phase is Phase.ACTIVE and imported.status not in codes.OPEN_STATUSES


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

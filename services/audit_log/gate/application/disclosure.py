"""The gate: who asks, for what, of which records; decide; write the entry, durably; only then release keys (ADR 0030)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.open_notes import HELD
from services.audit_log.decision.domain.question import Verdict, deny
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.application.identity import UNVERIFIED
from services.audit_log.gate.application.requests import check_form, check_service
from services.audit_log.gate.application.searching import as_told, refused_in_lookup
from services.audit_log.gate.application.steps import (
    Asked,
    ClaimDiffers,
    Decided,
    FreshnessStep,
    IdentityStep,
    PolicyStep,
    PurposeStep,
    ReachStep,
    RegistryStep,
    ScopeStep,
)
from services.audit_log.gate.application.writing_entries import entries_of, lookup_entry, missing_entry, refusal_entries
from services.audit_log.ledger.application.ports import Erased, KeyFenced, LedgerStep
from shared.contracts.disclosure import (
    UNKNOWN_CLIENT,
    Action,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    RecordKey,
    RecordOutcome,
    Refusal,
)
from shared.contracts.records import ServiceName
from shared.eventstore.model import Overloaded, StoreUnavailable, UniqueViolation
from shared.gate.port import Away, GateUnavailable

ALARMING: Final = frozenset({Refusal.REGISTRY, Refusal.SERVICE})
"""refusals that no correct service ever meets"""


@dataclass(frozen=True, slots=True)
class Steps:
    """What the gate is made of, in the order in which it runs."""

    identity: IdentityStep
    reach: ReachStep
    registry: RegistryStep
    purpose: PurposeStep
    freshness: FreshnessStep
    policy: PolicyStep
    ledger: LedgerStep
    scope: ScopeStep


class DisclosureGate:
    def __init__(self, steps: Steps, *, now: Callable[[], datetime]) -> None:
        self._steps, self._now = steps, now

    async def disclose(self, service: ServiceName, request: DisclosureRequest) -> DisclosureAnswer:
        """The answer to `service`. Problem 422 for a malformed request, GateUnavailable where nothing could be decided."""
        check_form(request)
        try:
            return await self._disclose(service, request, self._now())
        except (StoreUnavailable, Overloaded) as error:
            raise GateUnavailable(f"the gate's database does not answer ({type(error).__name__})", Away.DATABASE) from None

    async def _disclose(self, service: ServiceName, request: DisclosureRequest, now: datetime) -> DisclosureAnswer:
        steps, agent = self._steps, UNVERIFIED
        try:
            check_service(service, request)
            agent = steps.identity.agent(service, request, now)
            steps.reach.check(service, request, agent)
            records = await steps.registry.bind(service, request, agent, now)
            purpose = steps.purpose.of(agent, request.purpose)
            sequence = await steps.freshness.prove(request.tenant)
        except Refused as refused:
            return await self._refuse(service, request, agent, refused, now)
        asked = Asked(service, request, agent, purpose, records, now)
        if request.missing:
            entries = await steps.ledger.write(request.tenant, [missing_entry(asked, sequence)])
            return DisclosureAnswer(decision=Decision.DENY, entries=entries, refusal=Refusal.POLICY)
        decided = await steps.policy.decide(asked)
        if request.action is Action.CREATE:
            return await self._create(asked, decided, sequence)
        if request.action is Action.SEARCH:
            return await self._search(asked, decided, sequence)
        if request.action is Action.EXPORT:
            asked, decided = as_told(asked, decided)
        entries = await steps.ledger.write(request.tenant, entries_of(asked, decided, sequence))
        released = await steps.scope.keys(request.tenant, asked.records, decided.records)
        return await self._with_index(asked, _answer(asked, decided, entries, released))

    async def _search(self, asked: Asked, decided: Decided, sequence: int) -> DisclosureAnswer:
        """About what its caller may know of alone. Of a count (`most` is 0) no key leaves, and so no entry is made."""
        refused = refused_in_lookup(asked, decided)
        asked, decided = as_told(asked, decided)
        if asked.request.most == 0:
            return _answer(asked, decided, (), ())
        made = entries_of(asked, decided, sequence)
        if asked.request.looked_up:
            made.append(lookup_entry(*refused, sequence))
        entries = await self._steps.ledger.write(asked.request.tenant, made)
        released = await self._steps.scope.keys(asked.request.tenant, asked.records, decided.records)
        return _answer(asked, decided, entries, released)

    async def _create(self, asked: Asked, decided: Decided, sequence: int) -> DisclosureAnswer:
        """The new records' keys are made first, because the registry keeps their ids; they leave after the entry."""
        tenant, steps = asked.request.tenant, self._steps
        keys: list[RecordKey | Erased] = []
        created: list[BoundRecord] = []
        dangling = await steps.registry.dangling(tenant, asked.request.records, asked.agent)
        verdicts = [_there(record, verdict, dangling) for record, verdict in zip(asked.records, decided.records, strict=True)]
        for place, (record, verdict) in enumerate(zip(asked.records, list(verdicts), strict=True)):
            if not verdict.permitted:
                continue
            try:
                key = await steps.scope.new(tenant, record)
            except KeyFenced:
                verdicts[place] = deny("key-fenced", "rule:erasure.fence", *verdict.basis, may_know=True)
                continue
            keys.append(key)
            created.append(replace(record, kid=key.kid))
        if not all(v.permitted for v in verdicts):
            # what is written together is written whole or not at all: nothing is bound, and no receipt is waited for
            verdicts = [_not_alone(v) if v.permitted else v for v in verdicts]
            keys, created = [], []
        decided = replace(decided, records=tuple(verdicts))
        try:
            entries = await steps.ledger.write(
                tenant, entries_of(asked, decided, sequence), steps.registry.statements(tenant, created)
            )
        except UniqueViolation:
            taken = ClaimDiffers("record-bound-already", [r.record_id for r in created])
            return await self._refuse(asked.service, asked.request, asked.agent, taken, asked.now)
        steps.registry.learn(tenant, created)
        return await self._with_index(asked, _answer(asked, decided, entries, keys))

    async def _with_index(self, asked: Asked, answer: DisclosureAnswer) -> DisclosureAnswer:
        """With the index keys that were asked for, where anything was permitted: after the entry, as every key."""
        if answer.decision is Decision.DENY or not asked.request.index_fields:
            return answer
        return msgspec.structs.replace(answer, index_keys=await self._steps.scope.index(asked))

    async def _refuse(
        self, service: ServiceName, request: DisclosureRequest, agent: Agent, refused: Refused, now: datetime
    ) -> DisclosureAnswer:
        alarm = refused.refusal in ALARMING
        entries = await self._steps.ledger.write(
            request.tenant, refusal_entries(service, request, agent, refused, now, alarm=alarm)
        )
        return DisclosureAnswer(decision=Decision.DENY, entries=entries, refusal=refused.refusal)


def _there(record: BoundRecord, verdict: Verdict, dangling: Mapping[str, str]) -> Verdict:
    """Permitted only where its client, and what it speaks of, are there. Who may not write anyway learns nothing of that."""
    reason = dangling.get(record.record_id)
    if reason is None or not verdict.permitted:
        return verdict
    return deny(reason, "rule:create.reference", *verdict.basis, may_know=reason != UNKNOWN_CLIENT)


def _not_alone(verdict: Verdict) -> Verdict:
    return deny("together", "rule:create.together", *verdict.basis, may_know=verdict.may_know)


def _held(record: BoundRecord, verdict: Verdict, decided: Decided) -> str | None:
    standing = decided.circumstances.notes.get(record.record_id) if verdict.reason == HELD else None
    return standing.held_until.isoformat() if standing is not None and standing.held_until else None


def _answer(asked: Asked, decided: Decided, entries: tuple[int, ...], released: Sequence[RecordKey | Erased]) -> DisclosureAnswer:
    erased = {r.record_id for r in released if isinstance(r, Erased)}
    pairs: list[tuple[BoundRecord, Verdict]] = list(zip(asked.records, decided.records, strict=True))
    permitted = any(v.permitted for v in (*decided.records, *decided.subjects))
    return DisclosureAnswer(
        decision=Decision.PERMIT if permitted else Decision.DENY,
        entries=entries,
        records=tuple(
            RecordOutcome(
                record_id=r.record_id,
                decision=v.decision,
                reason=v.reason,
                may_know=v.may_know,
                erased=r.record_id in erased,
                held_until=_held(r, v, decided),
            )
            for r, v in pairs
        ),
        keys=tuple(k for k in released if isinstance(k, RecordKey)),
        obligations=tuple(o for _, v in pairs for o in v.obligations if o.record_id not in erased),
        refusal=None if permitted else Refusal.POLICY,
        may_know=decided.may_know,
        ratings=decided.ratings,
        release=decided.release,
        exclusions=decided.exclusions,
    )

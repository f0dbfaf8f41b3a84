"""The gate: who asks, for what, of which records; decide; write the entry, durably; only then release keys (ADR 0030)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.question import Verdict, deny
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.application.identity import UNVERIFIED
from services.audit_log.gate.application.requests import check_form, check_service
from services.audit_log.gate.application.steps import (
    Asked,
    ClaimDiffers,
    Decided,
    FreshnessStep,
    IdentityStep,
    PolicyStep,
    PurposeStep,
    RegistryStep,
    ScopeStep,
)
from services.audit_log.gate.application.writing_entries import entries_of, refusal_entries
from services.audit_log.ledger.application.ports import Erased, KeyFenced, LedgerStep
from shared.contracts.disclosure import (
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
            records = await steps.registry.bind(service, request, agent, now)
            purpose = steps.purpose.of(agent, request.purpose)
            sequence = await steps.freshness.prove(request.tenant)
        except Refused as refused:
            return await self._refuse(service, request, agent, refused, now)
        asked = Asked(service, request, agent, purpose, records, now)
        decided = await steps.policy.decide(asked)
        if request.action is Action.CREATE:
            return await self._create(asked, decided, sequence)
        entries = await steps.ledger.write(request.tenant, entries_of(asked, decided, sequence))
        released = await steps.scope.keys(request.tenant, records, decided.records)
        return await self._with_index(asked, _answer(asked, decided, entries, released))

    async def _create(self, asked: Asked, decided: Decided, sequence: int) -> DisclosureAnswer:
        """The new records' keys are made first, because the registry keeps their ids; they leave after the entry."""
        tenant, steps = asked.request.tenant, self._steps
        keys: list[RecordKey | Erased] = []
        created: list[BoundRecord] = []
        verdicts = list(decided.records)
        for place, (record, verdict) in enumerate(zip(asked.records, decided.records, strict=True)):
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


def _not_alone(verdict: Verdict) -> Verdict:
    return deny("together", "rule:create.together", *verdict.basis, may_know=verdict.may_know)


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

"""Reconciling what was written while the gate was away (ADR 0015): the same steps as for every create, later.

The author's own token lies in the envelope and is verified as of the time of writing. The entry is durable before the secret
leaves. A try that is repeated, because its answer was lost, is entered again and gives the same keys, until a receipt says that
the record was written down: then it is a replay, and an alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.downtime.application.entries import decided_entry, repeated_entry, stopped_entry
from services.audit_log.downtime.application.requests import check, check_owner, request_of
from services.audit_log.downtime.domain.late_writes import LateReason, changed_since, late_verdict
from services.audit_log.gate.application.disclosure import ALARMING, Steps
from services.audit_log.gate.application.identity import UNVERIFIED, person
from services.audit_log.gate.application.steps import Asked
from services.audit_log.keyring.application.gate_keys import GateKeyStore
from services.audit_log.ledger.application.ports import Erased, KeyFenced, Keyring, KeyringUnavailable, KeyWanted, UnknownKey
from services.audit_log.ledger.domain.entry import Entry
from shared.contracts.disclosure import UNKNOWN_CLIENT, RecordKey, Refusal
from shared.contracts.downtime import WRITTEN_AHEAD, Envelope, LateAnswer, LateOutcome, LateWrite
from shared.contracts.records import RECORD_TYPES, KeyClass, ServiceName
from shared.eventstore.model import Overloaded, Statement, StoreUnavailable, UniqueViolation
from shared.gate.envelope import open_envelope
from shared.gate.port import Away, GateUnavailable
from shared.identity.tokens import InvalidToken, KeysUnknown, TokenVerifier
from shared.sealing.errors import CannotOpen


@dataclass(frozen=True, slots=True)
class KnownLate:
    """What was decided of it last."""

    outcome: LateOutcome
    reason: str
    event_id: str
    digest: str | None
    entry: int


class LateTable(Protocol):
    async def known(self, tenant: str, record_id: str) -> KnownLate | None: ...

    async def received(self, tenant: str, record_id: str) -> bool:
        """Whether a receipt says that the record was written down."""

    def decided(
        self, service: str, write: LateWrite, outcome: LateOutcome, reason: str, digest: str | None, at: datetime
    ) -> Statement: ...


class Known(Protocol):
    async def known(self, tenant: str, record_ids: list[str]) -> dict[str, BoundRecord]: ...


class _Stopped(Exception):
    """Refused or dropped before any rule is asked, or while its key is made."""

    def __init__(self, reason: str, outcome: LateOutcome, *, agent: Agent = UNVERIFIED, alarm: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.outcome, self.agent, self.alarm = reason, outcome, agent, alarm


class LateWrites:
    def __init__(
        self,
        steps: Steps,
        keyring: Keyring,
        keys: GateKeyStore,
        table: LateTable,
        records: Known,
        policy: PolicyProjection,
        tokens: TokenVerifier,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._steps, self._keyring, self._keys, self._table = steps, keyring, keys, table
        self._records, self._policy, self._tokens, self._now = records, policy, tokens, now

    async def settle(self, service: ServiceName, write: LateWrite) -> LateAnswer:
        """What became of one. Problem 422 for a malformed request; GateUnavailable where nothing could be decided."""
        written_at = check(write)
        try:
            # in this order: a record that is bound by a late write is known as one
            bound = await self._records.known(write.tenant, [write.record_id])
            known = await self._table.known(write.tenant, write.record_id)
            try:
                check_owner(service, write)
                if known is None and bound:
                    raise _Stopped(LateReason.BOUND, LateOutcome.REFUSED)
                if known is not None and known.outcome is not LateOutcome.REFUSED:
                    return await self._again(service, write, written_at, known)
                return await self._first(service, write, written_at, known)
            except Refused as refused:
                return await self._stopped(service, write, _Stopped(refused.reason, LateOutcome.REFUSED), known)
            except _Stopped as stopped:
                return await self._stopped(service, write, stopped, known)
        except KeyringUnavailable:
            raise GateUnavailable("the keyring does not answer: nothing was released", Away.KEYS) from None
        except (StoreUnavailable, Overloaded) as error:
            raise GateUnavailable(f"the gate's database does not answer ({type(error).__name__})", Away.DATABASE) from None

    async def _first(self, service: ServiceName, write: LateWrite, written_at: datetime, known: KnownLate | None) -> LateAnswer:
        steps, tenant, at = self._steps, write.tenant, self._now()
        if write.envelope is None:
            # the service may say so of what an erasure took, and of nothing else
            fenced = await self._keyring.fenced(tenant, write.client_id, _key_class(write))
            reason = LateReason.ERASED if fenced else LateReason.DROPPED
            raise _Stopped(reason, LateOutcome.DROPPED, alarm=not fenced)
        envelope, agent = await self._opened(write, written_at)
        await self._not_fenced(write, agent)
        request = request_of(write, envelope)
        try:
            steps.reach.check(service, request, agent)
            (record,) = await steps.registry.bind(service, request, agent, written_at)
            purpose = steps.purpose.of(agent, request.purpose)
            sequence = await steps.freshness.prove(tenant)
        except Refused as refused:
            if refused.refusal is Refusal.STALE:
                raise GateUnavailable("the newest consents cannot be confirmed: it is tried again") from None
            alarm = refused.refusal in ALARMING
            raise _Stopped(refused.reason, LateOutcome.REFUSED, agent=agent, alarm=alarm) from None
        asked = Asked(service, request, agent, purpose, (record,), written_at)
        then, now = await steps.policy.decide(asked), await steps.policy.decide(replace(asked, now=at))
        if (await steps.registry.dangling(tenant, request.records, agent)) and now.records[0].permitted:
            raise _Stopped(UNKNOWN_CLIENT, LateOutcome.REFUSED, agent=agent, alarm=False)
        late = late_verdict(then.records[0], now.records[0], written_at=written_at, decided_at=at)
        policy = (await self._policy.policy(tenant)).client(write.client_id)
        changed = changed_since(policy, agent.id, written_at, at)
        entry = decided_entry(asked, then if late.at == written_at else now, sequence, write, late, changed, at)
        if not late.verdict.permitted:
            return await self._refused(service, write, entry, known)
        try:
            key = await steps.scope.new(tenant, record)
        except KeyFenced:
            raise _Stopped(LateReason.ERASED, LateOutcome.DROPPED, agent=agent, alarm=False) from None
        return await self._reconciled(service, write, envelope, agent, entry, replace(record, kid=key.kid), key)

    async def _reconciled(
        self,
        service: ServiceName,
        write: LateWrite,
        envelope: Envelope,
        agent: Agent,
        entry: Entry,
        record: BoundRecord,
        key: RecordKey,
    ) -> LateAnswer:
        tenant, outcome = write.tenant, LateOutcome.RECONCILED
        # an erasure is final only where the gate's key is gone as well
        await self._keys.note_use(tenant, write.client_id, _key_class(write), write.key_id)
        decided = self._table.decided(service, write, outcome, entry.reason, _digest(write), entry.at)
        try:
            (index,) = await self._steps.ledger.write(
                tenant, [entry], (*self._steps.registry.statements(tenant, [record]), decided)
            )
        except UniqueViolation:
            raise GateUnavailable("it is being reconciled by another process: ask again") from None
        self._steps.registry.learn(tenant, [record])
        return LateAnswer(
            outcome=outcome, reason=entry.reason, entry=index, secret=envelope.secret, key=key, role=str(agent.role)
        )

    async def _again(self, service: ServiceName, write: LateWrite, written_at: datetime, known: KnownLate) -> LateAnswer:
        """It was reconciled or dropped; who asks once more has not seen the answer, or replays it."""
        tenant = write.tenant
        if known.outcome is LateOutcome.DROPPED:
            return LateAnswer(outcome=known.outcome, reason=known.reason, entry=known.entry)
        if write.envelope is None:
            fenced = await self._keyring.fenced(tenant, write.client_id, _key_class(write))
            reason = LateReason.ERASED if fenced else LateReason.DROPPED
            raise _Stopped(reason, LateOutcome.DROPPED, alarm=not fenced)
        if (_digest(write), write.event_id) != (known.digest, known.event_id):
            raise _Stopped(LateReason.DIFFERS, LateOutcome.REFUSED)
        if await self._table.received(tenant, write.record_id):
            raise _Stopped(LateReason.REPLAYED, LateOutcome.REFUSED)
        envelope, agent = await self._opened(write, written_at)
        await self._not_fenced(write, agent)
        bound = (await self._records.known(tenant, [write.record_id]))[write.record_id]
        (key,) = await self._keyring.record_keys(
            tenant, [KeyWanted(bound.client_id, bound.key_class, bound.record_id, bound.kid)]
        )
        if isinstance(key, Erased):
            raise _Stopped(LateReason.ERASED, LateOutcome.DROPPED, agent=agent, alarm=False)
        await self._steps.ledger.write(tenant, [repeated_entry(service, write, known.entry, self._now())])
        return LateAnswer(
            outcome=LateOutcome.RECONCILED,
            reason=known.reason,
            entry=known.entry,
            secret=envelope.secret,
            key=key,
            role=str(agent.role),
        )

    async def _opened(self, write: LateWrite, written_at: datetime) -> tuple[Envelope, Agent]:
        """What lies in the envelope, and its author: verified by the gate itself, as of when it was written."""
        try:
            opening = await self._keys.opening(write.key_id)
        except UnknownKey:
            raise _Stopped(LateReason.UNKNOWN_KEY, LateOutcome.REFUSED) from None
        if opening is None:
            raise _Stopped(LateReason.KEY_ENDED, LateOutcome.DROPPED)
        try:
            envelope = open_envelope(opening.private, write)
        except CannotOpen:
            raise _Stopped(LateReason.TAMPERED, LateOutcome.REFUSED) from None
        if written_at > self._now() + WRITTEN_AHEAD or not opening.was_written_to(written_at, WRITTEN_AHEAD):
            raise _Stopped(LateReason.WRONG_TIME, LateOutcome.REFUSED)
        try:
            principal = self._tokens.verify_at(envelope.token, written_at.timestamp())
        except InvalidToken:
            raise _Stopped(LateReason.OF_ANOTHER, LateOutcome.REFUSED) from None
        except KeysUnknown:
            raise GateUnavailable("the issuer's keys are not known: it is tried again") from None
        if (principal.tenant, principal.sub) != (write.tenant, write.author):
            raise _Stopped(LateReason.OF_ANOTHER, LateOutcome.REFUSED)
        return envelope, person(principal)

    async def _not_fenced(self, write: LateWrite, agent: Agent) -> None:
        """What an erasure took does not come back by a note that was on its way."""
        if await self._keyring.fenced(write.tenant, write.client_id, _key_class(write)):
            raise _Stopped(LateReason.ERASED, LateOutcome.DROPPED, agent=agent, alarm=False)

    async def _refused(self, service: ServiceName, write: LateWrite, entry: Entry, known: KnownLate | None) -> LateAnswer:
        """It waits: a relationship that is entered late opens the way. A reason is entered once, however often it is tried."""
        outcome = LateOutcome.REFUSED
        if known is not None and known.reason == entry.reason:
            return LateAnswer(outcome=outcome, reason=known.reason, entry=known.entry)
        decided = self._table.decided(service, write, outcome, entry.reason, _digest(write), entry.at)
        (index,) = await self._steps.ledger.write(write.tenant, [entry], [decided])
        return LateAnswer(outcome=outcome, reason=entry.reason, entry=index)

    async def _stopped(self, service: ServiceName, write: LateWrite, stopped: _Stopped, known: KnownLate | None) -> LateAnswer:
        fence = stopped.reason == LateReason.ERASED
        entry = stopped_entry(service, write, stopped.agent, stopped.reason, self._now(), alarm=stopped.alarm, fence=fence)
        if stopped.outcome is LateOutcome.REFUSED and known is not None and known.outcome is not LateOutcome.REFUSED:
            # what was settled stays so, whoever asks again
            (index,) = await self._steps.ledger.write(write.tenant, [entry])
            return LateAnswer(outcome=stopped.outcome, reason=stopped.reason, entry=index)
        if stopped.outcome is LateOutcome.REFUSED:
            return await self._refused(service, write, entry, known)
        if write.envelope is not None:
            await self._keys.note_use(write.tenant, write.client_id, _key_class(write), write.key_id)
        decided = self._table.decided(service, write, stopped.outcome, stopped.reason, _digest(write), entry.at)
        (index,) = await self._steps.ledger.write(write.tenant, [entry], [decided])
        return LateAnswer(outcome=stopped.outcome, reason=stopped.reason, entry=index)


def _key_class(write: LateWrite) -> KeyClass:
    return RECORD_TYPES[write.record_type].key_class


def _digest(write: LateWrite) -> str | None:
    return None if write.envelope is None else sha256(write.envelope).hexdigest()

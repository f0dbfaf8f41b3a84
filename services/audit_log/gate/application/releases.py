"""The client chooses who sees their alliance ratings: in force when it returns (ADR 0031)."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.release import ReleaseChoice
from services.audit_log.gate.application.identity import UNVERIFIED, CallerIdentity, person
from services.audit_log.gate.application.writing_entries import role_of
from services.audit_log.ledger.application.ports import LedgerStep
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from shared.contracts.disclosure import Decision, ReleaseAudience, ReleaseRequest, ReleaseState
from shared.contracts.records import ServiceName
from shared.eventstore.model import Statement
from shared.http.problems import Fault, Problem, invalid, unauthenticated


class ReleaseRefused(Problem):
    """Somebody other than the client wanted to choose."""

    def __init__(self) -> None:
        super().__init__(403, "forbidden", "Not allowed", "Only the client decides who sees their alliance ratings.")


class Choices(Protocol):
    async def choice(self, tenant: str, client_id: str) -> ReleaseChoice: ...

    def chosen(
        self, tenant: str, client_id: str, therapist: ReleaseAudience | None, supervisor: ReleaseAudience | None, at: datetime
    ) -> Statement: ...


class Releases:
    def __init__(self, identity: CallerIdentity, choices: Choices, ledger: LedgerStep, *, now: Callable[[], datetime]) -> None:
        self._identity, self._choices, self._ledger, self._now = identity, choices, ledger, now

    async def set_release(self, service: ServiceName, request: ReleaseRequest) -> ReleaseState:
        """The whole choice after this one. ReleaseRefused, Problem 401 and 422, GateUnavailable."""
        if request.therapist is None and request.supervisor is None:
            raise invalid([Fault("/therapist", "choose for therapist, supervisor or both")])
        now = self._now()
        try:
            agent = person(self._identity.principal(request.caller, request.tenant))
        except Refused as refused:
            await self._write(service, request, UNVERIFIED, Decision.DENY, refused.reason, now)
            raise unauthenticated("The token does not hold any more: get a new one.") from None
        if service is not ServiceName.ALLIANCE or not agent.is_client(request.client_id):
            await self._write(service, request, agent, Decision.DENY, "not-the-client", now)
            raise ReleaseRefused
        chosen = self._choices.chosen(request.tenant, request.client_id, request.therapist, request.supervisor, now)
        entries = await self._write(service, request, agent, Decision.PERMIT, "client-decides", now, chosen)
        choice = await self._choices.choice(request.tenant, request.client_id)
        return ReleaseState(
            tenant=request.tenant,
            client_id=request.client_id,
            therapist=choice.therapist,
            supervisor=choice.supervisor,
            entries=entries,
        )

    async def _write(
        self,
        service: ServiceName,
        request: ReleaseRequest,
        agent: Agent,
        outcome: Decision,
        reason: str,
        now: datetime,
        *statements: Statement,
    ) -> tuple[int, ...]:
        entry = Entry(
            kind=EntryKind.RELEASE,
            at=now,
            action="update",
            outcome=str(outcome),
            reason=reason,
            agent=agent.label,
            agent_role=role_of(agent),
            agent_name=agent.name,
            service=str(service),
            request_id=request.request_id,
            client_id=request.client_id,
            purpose="PATRQT",
            purpose_defaulted=True,
            basis=("rule:release.client-decides",),
            detail={
                name: str(audience)
                for name, audience in (("therapist", request.therapist), ("supervisor", request.supervisor))
                if audience is not None
            },
        )
        return await self._ledger.write(request.tenant, [entry], statements)

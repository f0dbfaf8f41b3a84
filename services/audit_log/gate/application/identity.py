"""Steps ① and ③: who asks, verified by the gate itself, and for what they may ask."""

import re
from datetime import datetime
from hashlib import sha256
from typing import Final

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.rules.tables import JOBS
from services.audit_log.gate.application.steps import PurposeOfUse
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.disclosure import Caller, DisclosureRequest, Refusal
from shared.contracts.records import ServiceName
from shared.gate.port import GateUnavailable
from shared.identity.principal import Principal
from shared.identity.roles import default_purpose, may_claim
from shared.identity.tokens import InvalidToken, TokenVerifier

UNVERIFIED: Final = Agent(AgentKind.PERSON, "unverified")
_LINK: Final = re.compile(r"[A-Za-z0-9._~-]{16,512}")


class JobCaps:
    """Counts what each job asks for in a tenant and minute."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, tenant: str, job: str, records: int, now: datetime) -> bool:
        """False where the job is over its cap for this minute."""
        minute = int(now.timestamp()) // 60
        since, count = self._counts.get((tenant, job), (minute, 0))
        count = records + (count if since == minute else 0)
        if count > JOBS[job].per_minute:
            return False
        self._counts[tenant, job] = (minute, count)
        return True


class CallerIdentity:
    """Verifies the caller's token again (cached until it ends), or takes a link's secret or a registered job's name."""

    def __init__(self, tokens: TokenVerifier, caps: JobCaps) -> None:
        self._tokens, self._caps = tokens, caps

    def agent(self, service: ServiceName, request: DisclosureRequest, now: datetime) -> Agent:
        caller = request.caller
        if sum(given is not None for given in (caller.token, caller.link, caller.job)) != 1:
            raise Refused(Refusal.IDENTITY, "not-one-caller")
        if caller.token is not None:
            return person(self.principal(caller, request.tenant))
        if caller.link is not None:
            return self._link(caller.link, request)
        return self._job(str(caller.job), service, request, now)

    def principal(self, caller: Caller, tenant: str) -> Principal:
        """The person behind a token that holds for this tenant. Refused."""
        try:
            principal = self._tokens.verify(caller.token or "")
        except InvalidToken:
            raise Refused(Refusal.IDENTITY, "invalid-token") from None
        if principal.tenant != tenant:
            raise Refused(Refusal.IDENTITY, "another-tenant")
        return principal

    def _link(self, secret: str, request: DisclosureRequest) -> Agent:
        if len(request.records) != 1 or not _LINK.fullmatch(secret):
            raise Refused(Refusal.IDENTITY, "link-form")
        digest = sha256(secret.encode()).hexdigest()
        return Agent(AgentKind.LINK, request.records[0].record_id, link_digest=digest)

    def _job(self, name: str, service: ServiceName, request: DisclosureRequest, now: datetime) -> Agent:
        row = JOBS.get(name)
        if row is None or row.service is not service:
            raise Refused(Refusal.SERVICE, "job-row")
        if not self._caps.take(request.tenant, name, max(1, len(request.records)), now):
            raise GateUnavailable("the job is over its rate: try again in a minute")
        return Agent(AgentKind.JOB, name)


def person(p: Principal) -> Agent:
    return Agent(AgentKind.PERSON, p.sub, p.role, p.name, p.client_id)


class RolePurposes:
    """The role × purpose table. The role's default is recorded as defaulted."""

    def of(self, agent: Agent, claimed: str | None) -> PurposeOfUse:
        if agent.kind is not AgentKind.PERSON or agent.role is None:
            purpose = JOBS[agent.id].purpose if agent.kind is AgentKind.JOB else "PATRQT"
            if claimed not in (None, purpose):
                raise Refused(Refusal.PURPOSE, "purpose-of-another")
            return PurposeOfUse(purpose, claimed is None)
        if claimed is None:
            return PurposeOfUse(default_purpose(agent.role), True)
        if not may_claim(agent.role, claimed):
            raise Refused(Refusal.PURPOSE, "purpose-not-of-role")
        return PurposeOfUse(claimed, False)

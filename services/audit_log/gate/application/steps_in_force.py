"""Policy, ledger and key scope as they are in force: the steps that stand between a decision and a key."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.circumstances import Circumstances
from services.audit_log.decision.domain.decision import decide, may_look_up, may_search
from services.audit_log.decision.domain.exporting import export_of
from services.audit_log.decision.domain.grants import GRANTED_PURPOSES, Grant
from services.audit_log.decision.domain.open_notes import Standings
from services.audit_log.decision.domain.question import Question, Verdict
from services.audit_log.decision.domain.registry import BoundRecord, rating_made_now
from services.audit_log.decision.domain.release import KEPT_BACK, UNCHOSEN, ReleaseChoice
from services.audit_log.decision.domain.tenant_rules import TenantRules
from services.audit_log.gate.application.steps import Asked, Decided
from services.audit_log.ledger.application.ports import (
    Erased,
    Keyring,
    KeyringUnavailable,
    KeyWanted,
    Ledger,
    LedgerUnavailable,
    UnknownKey,
)
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry
from services.audit_log.practice.domain.practice import SoloPractice, TrustedSystem
from shared.contracts.disclosure import Action, IndexKey, Ratings, RecordKey, ReleaseView
from shared.contracts.records import RecordType, ServiceName
from shared.eventstore.model import Statement
from shared.gate.port import Away, GateUnavailable
from shared.identity.roles import Role


class ReleaseChoices(Protocol):
    async def of(self, tenant: str, client_ids: Sequence[str]) -> dict[str, ReleaseChoice]:
        """Choices that clients made; a client without one is absent."""


class Grants(Protocol):
    async def of(self, tenant: str, sub: str, purpose: str) -> tuple[Grant, ...]:
        """Grants of that person for that purpose which have not ended."""


class Settings(Protocol):
    async def in_force(self, tenant: str) -> TenantRules:
        """The tenant's pack and what its organisation adds."""


class Practices(Protocol):
    async def trusted(self, tenant: str, system: str) -> TrustedSystem | None:
        """The registration of a record system that holds."""

    async def solo(self, tenant: str) -> SoloPractice | None: ...


class Notes(Protocol):
    async def standings(self, tenant: str, note_ids: Sequence[str], now: datetime) -> Standings:
        """Of each note, whether it is signed, and until when it is held back."""


class PolicyDecision:
    """Step ⑤: the rules, over what the projection knows. Release choices and grants are read where a question needs them."""

    def __init__(
        self,
        projection: PolicyProjection,
        choices: ReleaseChoices,
        grants: Grants,
        settings: Settings,
        practices: Practices,
        notes: Notes,
    ) -> None:
        self._projection, self._choices, self._grants, self._settings = projection, choices, grants, settings
        self._practices, self._notes = practices, notes

    async def decide(self, asked: Asked) -> Decided:
        tenant, purpose = asked.request.tenant, asked.purpose.code
        agent = await self._known(tenant, asked.agent)
        policy = await self._projection.policy(tenant)
        rules = await self._settings.in_force(tenant)
        releases = await self._releases(asked)
        notes = await self._standings(asked)
        grants: tuple[Grant, ...] = ()
        if agent.kind is AgentKind.PERSON and purpose in GRANTED_PURPOSES:
            grants = await self._grants.of(tenant, agent.id, purpose)

        def question(record: BoundRecord) -> Question:
            return Question(
                agent=agent,
                action=asked.request.action,
                purpose=purpose,
                record=record,
                now=asked.now,
                service=asked.service,
                policy=policy.client(record.client_id),
                release=releases.get(record.client_id, UNCHOSEN),
                grants=grants,
                law=rules.law,
                organisation=rules.organisation,
                notes=notes,
            )

        circumstances = Circumstances(rules.version, releases, grants, agent.registration, agent.solo, notes)
        verdicts = tuple(decide(question(record)) for record in asked.records)
        decided = Decided(verdicts, (), circumstances=circumstances)
        if asked.request.action is Action.LOOKUP:
            return replace(decided, subjects=(may_look_up(agent, purpose),), may_know=True)
        if asked.request.action is Action.EXPORT:
            return _export(asked, decided, question)

        def search(client_id: str) -> Verdict:
            return may_search(agent, client_id, purpose=purpose, policy=policy.client(client_id), grants=grants, now=asked.now)

        subjects = tuple(map(search, asked.request.subjects))
        searches = {c: search(c) for c in {r.client_id for r in asked.records}} if asked.request.action is Action.SEARCH else {}
        # an empty list and a list of which nothing may be seen look alike
        known = any(v.may_know for v in (*subjects, *searches.values()))
        decided = replace(decided, subjects=subjects, searches=searches, may_know=known)
        clients = {r.client_id for r in asked.records} | set(asked.request.subjects)
        if asked.service is ServiceName.ALLIANCE and asked.request.action is Action.SEARCH and len(clients) == 1:
            (client_id,) = clients
            choice = releases.get(client_id) or (await self._choices.of(tenant, [client_id])).get(client_id, UNCHOSEN)
            probe = Question(
                agent=agent,
                action=Action.SEARCH,
                purpose=purpose,
                record=rating_made_now(client_id, asked.now),
                now=asked.now,
                service=asked.service,
                policy=policy.client(client_id),
                release=choice,
                grants=grants,
            )
            decided = replace(decided, ratings=ratings_of(decide(probe)))
            if agent.is_client(client_id):
                decided = replace(decided, release=ReleaseView(therapist=choice.therapist, supervisor=choice.supervisor))
        return decided

    async def _known(self, tenant: str, agent: Agent) -> Agent:
        """With what the tenant said about this caller."""
        if agent.role is Role.EHR_SYSTEM:
            held = await self._practices.trusted(tenant, agent.id)
            return replace(agent, registration=held.id if held else None)
        if agent.solo is not None:
            solo = await self._practices.solo(tenant)
            return replace(agent, solo=solo is not None and solo.practitioner == agent.id)
        return agent

    async def _standings(self, asked: Asked) -> Standings:
        """Of the progress notes that a client, or who acts for them, asks for; nobody else waits for this look."""
        if asked.agent.role not in (Role.CLIENT, Role.REPRESENTATIVE) or asked.request.action is Action.CREATE:
            return {}
        notes = [r.record_id for r in asked.records if r.record_type is RecordType.PROGRESS_NOTE]
        return await self._notes.standings(asked.request.tenant, notes, asked.now) if notes else {}

    async def _releases(self, asked: Asked) -> dict[str, ReleaseChoice]:
        if asked.agent.kind is not AgentKind.PERSON or asked.request.action is Action.CREATE:
            return {}
        clients = {r.client_id for r in asked.records if r.is_alliance_rating and not asked.agent.is_client(r.client_id)}
        return await self._choices.of(asked.request.tenant, sorted(clients)) if clients else {}


def _export(asked: Asked, decided: Decided, question: Callable[[BoundRecord], Question]) -> Decided:
    """An export with the client as its subject asks whether there may be one, and what is not in it."""
    found = [export_of(question(rating_made_now(client, asked.now)), client) for client in asked.request.subjects]
    return replace(
        decided,
        subjects=tuple(verdict for verdict, _ in found),
        may_know=any(verdict.may_know for verdict, _ in found),
        exclusions=tuple(one for _, left_out in found for one in left_out),
    )


def ratings_of(verdict: Verdict) -> Ratings:
    if verdict.permitted:
        return Ratings.SHOWN
    return Ratings.KEPT_BACK if verdict.reason == KEPT_BACK else Ratings.REFUSED


class DurableLedger:
    """Step ⑥: no answer before the entry is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def write(self, tenant: str, entries: Sequence[Entry], statements: Sequence[Statement] = ()) -> tuple[int, ...]:
        try:
            return tuple(await self._ledger.append(tenant, entries, statements=statements))
        except LedgerUnavailable:
            raise GateUnavailable("the ledger does not answer: nothing was released", Away.LEDGER) from None


class RecordKeyScope:
    """Step ⑦: a key for each permitted record that the request names, derived for that record alone."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def new(self, tenant: str, record: BoundRecord) -> RecordKey:
        try:
            return await self._keyring.new_record_key(tenant, record.client_id, record.key_class, record.record_id)
        except KeyringUnavailable:
            raise GateUnavailable("the keyring does not answer: nothing was released", Away.KEYS) from None

    async def keys(self, tenant: str, records: Sequence[BoundRecord], verdicts: Sequence[Verdict]) -> list[RecordKey | Erased]:
        wanted = [
            KeyWanted(r.client_id, r.key_class, r.record_id, r.kid) for r, v in zip(records, verdicts, strict=True) if v.permitted
        ]
        if not wanted:
            return []
        try:
            return await self._keyring.record_keys(tenant, wanted)
        except KeyringUnavailable:
            raise GateUnavailable("the keyring does not answer: nothing was released", Away.KEYS) from None
        except UnknownKey:
            raise GateUnavailable("the keyring does not know a bound key: restore it, or check its database", Away.KEYS) from None

    async def index(self, asked: Asked) -> tuple[IndexKey, ...]:
        """They open nothing (ADR 0055). Whoever looks has the one before the newest as well."""
        fields, looking = asked.request.index_fields, asked.request.action is Action.LOOKUP
        try:
            return tuple(await self._keyring.index_keys(asked.request.tenant, fields, older=looking)) if fields else ()
        except KeyringUnavailable:
            raise GateUnavailable("the keyring does not answer: nothing was released", Away.KEYS) from None

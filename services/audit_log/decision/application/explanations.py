"""Why a decision came out as it did: decided again from what was known when its entry was written, and laid open line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.circumstances import decided_at, grants_of, notes_of, release_of
from services.audit_log.decision.domain.decision import decide, may_look_up, may_search
from services.audit_log.decision.domain.explaining import Explained, explain, in_words
from services.audit_log.decision.domain.exporting import export_of
from services.audit_log.decision.domain.open_notes import OPEN
from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.question import Question, Verdict
from services.audit_log.decision.domain.registry import BoundRecord, rating_made_now
from services.audit_log.decision.domain.release import ReleaseChoice
from services.audit_log.decision.domain.rules.rule import RULES, Rule
from services.audit_log.decision.domain.tenant_rules import TenantRules
from services.audit_log.ledger.application.ledger_view import StoredEntry
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Action, Decision
from shared.contracts.records import ServiceName
from shared.identity.roles import Role

_ERASED = "The entry's words were erased with the client's data: what it rested on cannot be laid open any more."
_REFUSED = "The whole request was refused before any rule was asked."
_REPEATED = "No rule was asked: the answer of an earlier entry was given again."
_ALARM = "It is an alarm, no decision on a disclosure."
_NO_DECISION = "It is no decision on a disclosure."
_OF_NO_CLIENT = "It is about no single client: clients whom a look-up found and refused, or a record that does not exist."
_INSTEAD: Final = {
    "together": ("together", "Another record of the same request was refused, so none was made."),
    "key-fenced": ("fenced", "An erasure had begun: no key was made, whatever the rules said."),
}
"""reason → where a record was refused although the rules permitted it, what decided instead"""
_UNBOUND = "The record was refused at its creation and never came to be: the registry cannot say what it would have been."


class Registry(Protocol):
    async def known(self, tenant: str, record_ids: Sequence[str]) -> dict[str, BoundRecord]: ...


class RulesOfTenants(Protocol):
    async def of(self, tenant: str, version: int) -> TenantRules:
        """LookupError where there is none."""

    async def in_force(self, tenant: str) -> TenantRules: ...


@dataclass(frozen=True, slots=True)
class Supposed:
    """A question that nobody asked: of a bound record, or of one that is only supposed."""

    agent: Agent
    action: Action
    purpose: str
    record: BoundRecord
    at: datetime
    policy_sequence: int | None = None
    """None: what is known now"""


class Choices(Protocol):
    async def choice(self, tenant: str, client_id: str) -> ReleaseChoice: ...


class Explanations:
    def __init__(self, registry: Registry, projection: PolicyProjection, rules: RulesOfTenants, choices: Choices) -> None:
        self._registry, self._projection, self._rules, self._choices = registry, projection, rules, choices

    async def of(self, tenant: str, stored: StoredEntry) -> dict[str, Any]:
        """The entry's decision explained, with what it would be with hindsight: by all policy that is known now."""
        entry = stored.entry
        head = {
            "index": stored.index,
            "at": entry.at.isoformat(),
            "action": entry.action,
            "outcome": entry.outcome,
            "purpose": entry.purpose,
            "agent": {"sub": entry.agent, "role": entry.agent_role},
            "client_id": entry.client_id,
            "policy_sequence": entry.policy_sequence,
        }
        if stored.erased:
            return head | {"explained": False, "why": [_ERASED], "records": []}
        if entry.action == Action.LOOKUP and entry.policy_sequence is not None:
            verdict = may_look_up(agent_of(entry), entry.purpose or "")
            shown = [_whole(entry, verdict, "Whether the caller may look for clients at all")]
            return head | {"explained": True, "agrees": shown[0]["agrees"], "records": shown}
        if entry.kind is not EntryKind.DISCLOSURE or entry.policy_sequence is None or entry.client_id is None:
            if entry.kind is EntryKind.DISCLOSURE and entry.policy_sequence is not None:
                return head | {"explained": False, "why": [_OF_NO_CLIENT], "records": []}
            return head | {"explained": False, "why": [f"{_undecided(entry)} Reason: {entry.reason}."], "records": []}
        rules = await self._rules.of(tenant, int(entry.detail.get("settings", 0)))
        policy = await self._projection.policy(tenant)
        then, now = policy.client_as_of(entry.client_id, entry.policy_sequence), policy.client(entry.client_id)
        known = await self._registry.known(tenant, [r.record_id for r in entry.records])
        records = [_record(entry, r, known.get(r.record_id), then, now, rules) for r in entry.records]
        searched = [] if records else [_search(entry, then, rules)]
        shown = [*records, *searched]
        return head | {
            "explained": all(r["explained"] for r in shown),
            "law": rules.law.id,
            "settings": rules.version,
            "agrees": all(r.get("agrees", True) for r in shown),
            "records": shown,
        }

    async def suppose(self, tenant: str, supposed: Supposed) -> dict[str, Any]:
        """What would be decided. Nothing is released and no disclosure is written."""
        rules = await self._rules.in_force(tenant)
        policy = await self._projection.policy(tenant)
        client_id = supposed.record.client_id
        known = supposed.policy_sequence
        question = Question(
            agent=supposed.agent,
            action=supposed.action,
            purpose=supposed.purpose,
            record=supposed.record,
            now=supposed.at,
            service=supposed.record.service,
            policy=policy.client(client_id) if known is None else policy.client_as_of(client_id, known),
            release=await self._choices.choice(tenant, client_id),
            law=rules.law,
            organisation=rules.organisation,
            notes={supposed.record.record_id: OPEN},
        )
        return (
            {
                "policy_sequence": policy.watermark if known is None else known,
                "law": rules.law.id,
                "settings": rules.version,
            }
            | _explained(explain(question))
            | dates_of(question.record)
        )


def _undecided(entry: Entry) -> str:
    """Of an entry for which no rule was asked."""
    if entry.kind not in (EntryKind.DISCLOSURE, EntryKind.ALARM):
        return _NO_DECISION
    if entry.outcome == Decision.DENY and entry.action in set(Action):
        return _REFUSED
    return _ALARM if entry.kind is EntryKind.ALARM else _REPEATED


def _record(
    entry: Entry, written: EntryRecord, bound: BoundRecord | None, then: ClientPolicy, now: ClientPolicy, rules: TenantRules
) -> dict[str, Any]:
    head = {"record_id": written.record_id, "record_type": written.record_type, "recorded": written.decision}
    if bound is None:
        return head | {"explained": False, "why": [_UNBOUND]}
    if bound.answered_at is not None and bound.answered_at > entry.at:
        bound = replace(bound, answered_at=None)
    question = Question(
        agent=agent_of(entry),
        action=Action(entry.action),
        purpose=entry.purpose or "",
        record=bound,
        now=decided_at(entry.detail, entry.at),
        service=ServiceName(entry.service),
        policy=then,
        release=release_of(entry.detail),
        grants=grants_of(entry.detail),
        law=rules.law,
        organisation=rules.organisation,
        notes=notes_of(entry.detail, [written.record_id]),
    )
    explained = explain(question)
    decided_alike = (written.decision, written.reason) == (explained.verdict.decision, explained.verdict.reason)
    instead = _INSTEAD.get(written.reason)
    shown = _explained(explained)
    return head | {
        "explained": True,
        "agrees": instead is not None or decided_alike,
        "with_hindsight": str(decide(replace(question, policy=now)).decision),
        **shown,
        **dates_of(bound),
        **({instead[0]: instead[1], "why": [instead[1], *shown["why"]]} if instead else {}),
    }


def dates_of(record: BoundRecord) -> dict[str, Any]:
    """When it was recorded, and the day of the care that it speaks of: `data_period` compares the second where it is known."""
    return {
        "recorded_at": record.created_at.isoformat(),
        "cared_on": record.cared_on.isoformat() if record.cared_on else None,
    }


def _search(entry: Entry, then: ClientPolicy, rules: TenantRules) -> dict[str, Any]:
    return _whole(entry, *_of_whole_client(entry, then, rules))


def _whole(entry: Entry, verdict: Verdict, asked: str) -> dict[str, Any]:
    return {
        "record_id": None,
        "record_type": None,
        "recorded": entry.outcome,
        "explained": True,
        "agrees": (entry.outcome, entry.reason) == (verdict.decision, verdict.reason),
        **_verdict(verdict),
        "why": [f"{asked}: {verdict.reason}, resting on {', '.join(verdict.basis)}."],
        "trace": [],
    }


def _of_whole_client(entry: Entry, then: ClientPolicy, rules: TenantRules) -> tuple[Verdict, str]:
    agent, client_id, purpose, grants = agent_of(entry), entry.client_id or "", entry.purpose or "", grants_of(entry.detail)
    if entry.action == Action.EXPORT:
        question = Question(
            agent=agent,
            action=Action.EXPORT,
            purpose=purpose,
            record=rating_made_now(client_id, entry.at),
            now=entry.at,
            service=ServiceName(entry.service),
            policy=then,
            grants=grants,
            law=rules.law,
            organisation=rules.organisation,
        )
        return export_of(question, client_id)[0], "Whether the client's record may be exported at all"
    verdict = may_search(agent, client_id, purpose=purpose, policy=then, grants=grants, now=entry.at)
    return verdict, "Whether the client may be searched at all"


def _explained(explained: Explained) -> dict[str, Any]:
    return {
        **_verdict(explained.verdict),
        "why": in_words(explained),
        "trace": [asdict(line) for line in explained.lines],
        "rules": [shown(RULES[b]) for b in explained.verdict.basis if b in RULES],
    }


def shown(rule: Rule) -> dict[str, Any]:
    """A rule with where it stands, whether anybody has read it there, and who reviewed it."""
    return {
        "id": rule.id,
        "citation": rule.citation,
        "text": rule.text,
        "sources": [{"title": s.title, "sections": list(s.sections)} for s in rule.sources],
        "reading": str(rule.reading),
        "read_on": rule.read_on,
        "text_of": rule.text_of,
        "reviewer": rule.reviewer,
        "review": rule.review,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "decision": str(verdict.decision),
        "reason": verdict.reason,
        "basis": list(verdict.basis),
        "may_know": verdict.may_know,
        "obligations": [{"code": o.code, "args": list(o.args)} for o in verdict.obligations],
    }


def agent_of(entry: Entry) -> Agent:
    """Who asked, as the entry has it."""
    detail: Mapping[str, Any] = entry.detail
    kind, _, name = entry.agent.partition(":")
    if kind == AgentKind.JOB and name and entry.agent_role == AgentKind.JOB:
        return Agent(AgentKind.JOB, name)
    if kind == AgentKind.LINK and name and entry.agent_role == AgentKind.LINK:
        return Agent(AgentKind.LINK, name, link_digest=detail.get("link"))
    return Agent(
        AgentKind.PERSON,
        entry.agent,
        Role(entry.agent_role),
        entry.agent_name,
        detail.get("acts_for"),
        registration=detail.get("registration"),
        solo=detail.get("solo"),
    )

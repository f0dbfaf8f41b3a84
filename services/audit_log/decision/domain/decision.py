"""The decision: an ordered list of rules, the first that speaks decides, and silence is a denial.

The order is the meaning. Jobs and links have their own rows. The law of the tenant's pack and the client's release come before
everything that could permit; then what is one's own; then what role, authorship and relationship permit; consents, where deny
overrides; and where they say nothing, what the organisation adds.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.audit_log.decision.domain.agent import Agent
from services.audit_log.decision.domain.grants import GRANTED_PURPOSES, Grant
from services.audit_log.decision.domain.policy import ClientPolicy
from services.audit_log.decision.domain.question import Question, Verdict, deny, permit, relationship_ids, representative_ids
from services.audit_log.decision.domain.rules import law, reading, writes
from services.audit_log.decision.domain.rules.consents import NEVER_CLINICAL
from services.audit_log.decision.domain.rules.knowing import may_know
from services.audit_log.decision.domain.rules.tables import (
    ADDRESSEE_ROWS,
    AUTHOR_ROWS,
    CLIENT_ROWS,
    DISCLOSING,
    JOBS,
    LOOKING_UP,
    REPRESENTATIVE_ROWS,
    REPRESENTED_ROWS,
    ROLE_ROWS,
    TRUSTED_SYSTEM_ROWS,
    granted,
)
from services.audit_log.ledger.domain.agent_kind import AgentKind
from shared.contracts.disclosure import Action
from shared.contracts.records import RecordType
from shared.identity.roles import PRACTITIONERS, Role

_DEFAULT = "rule:deny-by-default"
_LOOKUP = "rule:role.lookup"
_SOLO = "rule:role.solo-practice"
_SYSTEM = "rule:role.trusted-system"
_AUTHORITY = "rule:law.164.502-g"


def _job(q: Question) -> Verdict | None:
    if q.agent.kind is not AgentKind.JOB:
        return None
    row = JOBS.get(q.agent.id)
    if row is None or row.service is not q.service or (q.action, q.record.record_type) not in row.may:
        return deny("job-row", "rule:job.registered", may_know=False)
    return permit("job", "rule:job.registered")


def _link(q: Question) -> Verdict | None:
    if q.agent.kind is not AgentKind.LINK:
        return None
    mine, bound = q.agent.link_digest, q.record.link_digest
    holds = mine is not None and bound is not None and hmac.compare_digest(mine, bound)
    if not holds or q.action is not Action.ANSWER or q.record.record_type is not RecordType.ADMINISTRATION:
        return deny("link", "rule:link.its-administration", may_know=False)
    return permit("link", "rule:link.its-administration")


def _client(q: Question) -> Verdict | None:
    """A client of their own record: no provision limits them. Of anything else: nothing."""
    if q.agent.role is not Role.CLIENT:
        return None
    if not q.agent.is_client(q.record.client_id):
        taking_in = q.action is Action.CREATE and q.record.record_type is RecordType.CLIENT
        return deny("another-client", _DEFAULT, may_know=taking_in)
    rule = granted(CLIENT_ROWS, q.action, q.record.record_type)
    if rule is None and q.record.is_authored_by(q.agent):
        rule = granted(AUTHOR_ROWS, q.action, q.record.record_type)
    return permit("own-record", rule) if rule else deny("no-rule", _DEFAULT, may_know=True)


def _representative(q: Question) -> Verdict | None:
    if q.agent.role is not Role.REPRESENTATIVE:
        return None
    if not q.agent.represents(q.record.client_id):
        return deny("no-rule", _DEFAULT, may_know=False)
    registered = q.policy.represented_by(q.agent.id)
    if not registered and q.policy.representatives:
        return deny("not-registered", _AUTHORITY, may_know=False)
    if not registered:
        rule = granted(REPRESENTATIVE_ROWS, q.action, q.record.record_type)
        return permit("representative", rule) if rule else deny("no-rule", _DEFAULT, may_know=may_know(q))
    current = [r for r in registered if r.start <= q.now and (r.end is None or q.now < r.end)]
    if not current:
        return deny("authority-ended", _AUTHORITY, *representative_ids(registered), may_know=False)
    for r in current:
        for power in r.may:
            rule = granted(REPRESENTED_ROWS[power], q.action, q.record.record_type)
            if rule:
                return permit("representative", rule, *representative_ids((r,)))
    return deny("beyond-authority", _AUTHORITY, *representative_ids(current), may_know=may_know(q))


def _several_roles(q: Question) -> Verdict | None:
    """A token with several roles counts in a solo practice alone, and as its practitioner's."""
    return deny("several-roles", _SOLO, may_know=False) if q.agent.solo is False else None


def _trusted_system(q: Question) -> Verdict | None:
    """A record system writes down consents where an administrator registered it. That it is not registered tells nothing of any
    client, so it may be said (403)."""
    rule = granted(TRUSTED_SYSTEM_ROWS, q.action, q.record.record_type)
    if q.agent.role is not Role.EHR_SYSTEM or rule is None:
        return None
    if q.action is not Action.CREATE and not q.record.is_authored_by(q.agent):
        return None
    if q.agent.registration is None:
        return deny("system-not-registered", rule, may_know=True)
    return permit("trusted-system", rule, f"system:{q.agent.registration}")


def _author(q: Question) -> Verdict | None:
    if not q.record.is_authored_by(q.agent):
        return None
    rule = granted(AUTHOR_ROWS, q.action, q.record.record_type)
    return permit("author", rule) if rule else None


def _addressee(q: Question) -> Verdict | None:
    """A risk alert opens to the practitioner whom it is addressed to, who need not know the client."""
    if q.agent.role not in PRACTITIONERS or not q.record.is_authored_by(q.agent):
        return None
    rule = granted(ADDRESSEE_ROWS, q.action, q.record.record_type)
    return permit("addressee", rule) if rule else None


def _role(q: Question) -> Verdict | None:
    rule = granted(ROLE_ROWS.get(q.agent.role, ()), q.action, q.record.record_type) if q.agent.role else None
    return permit("role", rule) if rule else None


RULES_IN_ORDER: Final[tuple[Callable[[Question], Verdict | None], ...]] = (
    _job,
    _link,
    _several_roles,
    writes.about_oneself,
    reading.needs_grant,
    law.decide,
    reading.release,
    _client,
    _representative,
    _author,
    _addressee,
    reading.break_glass,
    # before the role rows: they must not let anybody add a relationship for themselves
    writes.write,
    _trusted_system,
    _role,
    writes.supervise,
    writes.cosign,
    reading.by_consent,
)


def decide(question: Question) -> Verdict:
    """The verdict on one record. Pure: the same question always has the same answer."""
    for rule in RULES_IN_ORDER:
        verdict = rule(question)
        if verdict is not None:
            return on_its_ground(verdict, question)
    return deny("no-rule", _DEFAULT, may_know=may_know(question))


def on_its_ground(verdict: Verdict, q: Question) -> Verdict:
    """With the legal bases that the pack records for a use or disclosure."""
    if not q.law.grounds or not verdict.permitted or q.action not in DISCLOSING:
        return verdict
    ground = q.law.grounds_of(q.purpose, verdict.reason, lambda fact: law.FACTS[fact](q) is not None)
    return replace(verdict, basis=(*verdict.basis, *(g for g in ground if g not in verdict.basis)))


def may_look_up(agent: Agent, purpose: str) -> Verdict:
    """Whether the caller may look for clients by identifier or name; each client that is found is decided by itself."""
    if agent.solo is False:
        return deny("several-roles", _SOLO, may_know=False)
    if agent.kind is not AgentKind.PERSON or agent.role not in LOOKING_UP or purpose in GRANTED_PURPOSES:
        return deny("role", _LOOKUP, may_know=True)
    return permit("role", _LOOKUP)


def may_search(
    agent: Agent, client_id: str, *, purpose: str, policy: ClientPolicy, grants: tuple[Grant, ...], now: datetime
) -> Verdict:
    """Whether the caller may look for records of that client at all; each record found is decided by itself."""
    rule = "rule:search.known-client"
    if agent.kind is AgentKind.JOB and agent.id in JOBS:
        return permit("job", "rule:job.registered")
    if agent.kind is not AgentKind.PERSON:
        return deny("link", "rule:link.its-administration", may_know=False)
    if agent.solo is False:
        return deny("several-roles", _SOLO, may_know=False)
    if purpose in GRANTED_PURPOSES:
        grant = next((g for g in grants if g.holds(sub=agent.id, client_id=client_id, purpose=purpose, now=now)), None)
        return permit("break-glass", "rule:glass.grant", f"grant:{grant.id}") if grant else deny("no-grant", rule, may_know=False)
    if agent.is_client(client_id):
        return permit("own-record", rule)
    if agent.represents(client_id):
        registered = policy.represented_by(agent.id)
        if any(r.start <= now and (r.end is None or now < r.end) for r in registered) or not policy.representatives:
            return permit("own-record", rule)
        return deny("authority-ended" if registered else "not-registered", rule, may_know=False)
    if agent.role in (Role.CLIENT, Role.REPRESENTATIVE):
        return deny("another-client", rule, may_know=False)
    if agent.role in (Role.INTAKE, Role.COMPLIANCE_OFFICER):
        return permit("role", rule)
    held = policy.relationships_of(agent.id, now)
    if held:
        return permit("relationship", rule, *relationship_ids(held))
    if agent.role is Role.EHR_SYSTEM and agent.registration is not None:
        # for a conditional create: it is shown what it wrote itself, and what consents open to it
        return permit("trusted-system", _SYSTEM, f"system:{agent.registration}")
    if agent.role in NEVER_CLINICAL:
        return deny("no-relationship", rule, may_know=False)
    named = policy.index.naming(agent.id, ehr_system=agent.role is Role.EHR_SYSTEM, now=now)
    if named is not None:
        return permit("consent", rule, f"consent:{named.consent_id}")
    return deny("no-relationship", rule, may_know=False)

"""Reading by relationship, consent and the organisation's own policy, under a break-glass grant; and release of ratings."""

from collections.abc import Iterable
from typing import Final

from services.audit_log.decision.domain.grants import GRANTED_PURPOSES, THREAT
from services.audit_log.decision.domain.question import Question, Verdict, deny, permit, relationship_ids
from services.audit_log.decision.domain.rules.consents import asked_of, consult, consult_organisation
from services.audit_log.decision.domain.rules.dialects import Says
from services.audit_log.decision.domain.rules.knowing import may_know
from services.audit_log.decision.domain.rules.scope import scope_of
from services.audit_log.decision.domain.rules.tables import DISCLOSING, READING
from shared.contracts.consent_policy import ConsentSet
from shared.contracts.disclosure import Action, Obligation
from shared.contracts.records import KeyClass, ServiceName

_ORGANISATION: Final = "rule:organisation.policy"
_HELD_BACK: Final = "rule:consent.redact"
REDACTING: Final = frozenset({ServiceName.SESSION_NOTES})
"""services that take out what a consent held back; to the others such a record stays closed"""


def release(q: Question) -> Verdict | None:
    """The client's choice binds everybody else, its therapist and the author of a row alike. None where it does not forbid."""
    # making an administration and answering it show no rating
    if not q.record.is_alliance_rating or q.action in (Action.CREATE, Action.ANSWER):
        return None
    if q.agent.is_client(q.record.client_id):
        return None
    held = q.relationships()
    if any(q.release.shows(r.role, created_at=q.record.created_at, now=q.now) for r in held):
        return None
    return deny("released-no", "rule:release.client-decides", *relationship_ids(held), may_know=may_know(q))


def needs_grant(q: Question) -> Verdict | None:
    """BTG, ETREAT and THREAT count only with a grant, for an author too. None for every other purpose."""
    if q.purpose in GRANTED_PURPOSES and q.grant() is None:
        return deny("no-grant", "rule:glass.grant", may_know=may_know(q))
    return None


def break_glass(q: Question) -> Verdict | None:
    """Under these purposes only the grant opens: consents neither help nor hinder. None for every other purpose."""
    grant = q.grant() if q.purpose in GRANTED_PURPOSES else None
    if grant is None:
        return None
    if q.action not in READING or not grant.opens(q.record):
        return deny("outside-grant", "rule:glass.grant", f"grant:{grant.id}", may_know=may_know(q))
    if q.purpose == THREAT:
        return permit("threat", "rule:law.164.512-j-1-i", f"grant:{grant.id}")
    return permit("break-glass", "rule:glass.grant", f"grant:{grant.id}")


def by_consent(q: Question) -> Verdict | None:
    """None where the action discloses nothing."""
    if q.action not in DISCLOSING:
        return None
    held = q.relationships()
    related = relationship_ids(held)
    if held and q.action in READING and q.record.key_class is KeyClass.CONSENT_EVIDENCE:
        return permit("relationship", "rule:relationship.evidence", *related)
    asked = asked_of(q, held)
    heard = consult(q, asked)
    if heard.says is Says.DENY:
        return deny("consent-denies", "rule:consent.deny-overrides", *heard.basis, may_know=may_know(q))
    if heard.says is Says.PERMIT:
        return _opened(q, "consent", (*heard.basis, *related), heard.redact, _notices(q, heard.consents))
    own = consult_organisation(q, asked)
    source = (_ORGANISATION, f"organisation:{q.organisation.version}")
    if own.says is Says.DENY:
        return deny("organisation-denies", *source, *related, may_know=may_know(q))
    if own.says is Says.PERMIT and q.law.beyond_organisation.isdisjoint(q.record.labels):
        return _opened(q, "organisation", (*source, *related), heard.redact | own.redact, ())
    reason = "no-consent" if held else "no-relationship"
    return deny(reason, "rule:consent.deny-by-default", *related, may_know=may_know(q))


def _opened(
    q: Question, reason: str, basis: tuple[str, ...], redact: frozenset[str], notices: tuple[tuple[str, Obligation], ...]
) -> Verdict:
    """A permit with what goes along; a denial where the service cannot take out what is held back."""
    if redact and q.service not in REDACTING:
        return deny("consent-redacts", _HELD_BACK, *basis, may_know=may_know(q))
    rules = tuple(dict.fromkeys(rule for rule, _ in notices))
    obligations = tuple(obligation for _, obligation in notices)
    if redact:
        rules = (*rules, _HELD_BACK)
        obligations = (*obligations, Obligation(record_id=q.record.record_id, code="redact", args=tuple(sorted(redact))))
    return permit(reason, *basis, *rules, obligations=obligations)


def _notices(q: Question, consents: Iterable[ConsentSet]) -> tuple[tuple[str, Obligation], ...]:
    """Statements that go with a disclosure made by these consents, each with an explanation of its consent's scope."""
    found: list[tuple[str, Obligation]] = []
    for notice in q.law.notices:
        relied_on = [c for c in consents if c.part2 or c.kind in notice.kinds]
        if relied_on:
            found.append((notice.rule, Obligation(record_id=q.record.record_id, code="notice", args=(notice.name,))))
        for c in relied_on:
            scope = Obligation(record_id=q.record.record_id, code="consent-scope", args=(str(c.consent_id), scope_of(c)))
            found.append((notice.rule, scope))
    return tuple(found)

"""Reading by relationship and consent, under a break-glass grant, and release of alliance ratings."""

from typing import Final

from services.audit_log.domain.grants import GRANTED_PURPOSES, THREAT
from services.audit_log.domain.question import Question, Verdict, deny, permit, relationship_ids
from services.audit_log.domain.rules.consents import Effect, consult
from services.audit_log.domain.rules.knowing import may_know
from services.audit_log.domain.rules.tables import DISCLOSING, READING
from shared.contracts.disclosure import Action, Obligation
from shared.contracts.records import KeyClass
from shared.identity.roles import Role

SELF_PAY: Final = "HIPAASelfPay"
PART2_NOTICE: Final = "42-cfr-2.32"


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


def self_pay(q: Question) -> Verdict | None:
    """What the client paid for in full does not go to a plan (EHR systems asking for payment or operations)."""
    to_plan = q.agent.role is Role.EHR_SYSTEM and q.purpose in ("HPAYMT", "HOPERAT")
    if to_plan and SELF_PAY in q.record.labels:
        return deny("self-pay", "rule:law.164.522-a", may_know=may_know(q))
    return None


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
    answer = consult(q)
    ids = tuple(f"consent:{c}" for c in answer.consents)
    match answer.effect:
        case Effect.DENY:
            return deny("consent-denies", "rule:consent.deny-overrides", *ids, may_know=may_know(q))
        case Effect.PERMIT:
            notice = Obligation(record_id=q.record.record_id, code="notice", args=(PART2_NOTICE,))
            return permit(
                "consent", *ids, *related,
                *(("rule:law.42cfr2.32",) if answer.part2 else ()),
                obligations=(notice,) if answer.part2 else (),
            )  # fmt: skip
    reason = "no-consent" if held else "no-relationship"
    return deny(reason, "rule:consent.deny-by-default", *related, may_know=may_know(q))

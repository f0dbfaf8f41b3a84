"""Who may create and co-sign: by role or by relationship, without consent (duty to document)."""

from services.audit_log.decision.domain.question import Question, Verdict, deny, permit, relationship_ids
from services.audit_log.decision.domain.rules.knowing import may_know
from services.audit_log.decision.domain.rules.tables import AUTHOR_IS_CALLER, RELATIONSHIP_ROWS, SUPERVISION_ROWS, granted
from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.disclosure import Action
from shared.contracts.records import RecordType, about
from shared.identity.roles import PRACTITIONERS


def write(q: Question) -> Verdict | None:
    """What every create must meet, and what a practitioner's current relationship permits. None where it says nothing."""
    if q.action is Action.CREATE:
        record = q.record
        oneself = record.author in (None, q.agent.id) and not (q.agent.solo and record.author is not None)
        if record.record_type is RecordType.RELATIONSHIP and oneself:
            return deny("for-oneself", "rule:relationship.not-oneself", may_know=may_know(q))
        if record.record_type in AUTHOR_IS_CALLER and record.author != q.agent.id:
            return deny("author-is-another", "rule:author.is-caller", may_know=may_know(q))
    if q.agent.role not in PRACTITIONERS:
        return None
    rule = granted(RELATIONSHIP_ROWS, q.action, q.record.record_type)
    held = q.relationships()
    if rule is None or not held:
        return None
    return permit("relationship", rule, *relationship_ids(held))


def supervise(q: Question) -> Verdict | None:
    """What may have harmed a client opens to who supervises their treatment now, whatever a consent says."""
    rule = granted(SUPERVISION_ROWS, q.action, q.record.record_type)
    if rule is None or q.agent.role not in PRACTITIONERS or q.record.is_authored_by(q.agent):
        return None
    held = q.policy.holds_role(q.agent.id, RelationshipRole.SUPERVISOR, q.now)
    return None if held is None else permit("supervision", rule, *relationship_ids((held,)))


def about_oneself(q: Question) -> Verdict | None:
    """A concern stays closed to the person whom it is about, in whatever role they come. None for everything else."""
    if q.record.record_type is RecordType.CONCERN and about(q.agent.id) in q.record.labels:
        return deny("about-oneself", "rule:concern.not-to-whom-it-is-about", may_know=False)
    return None


def cosign(q: Question) -> Verdict | None:
    """A progress note is co-signed, or returned to its author, by somebody who supervises it now; never by its author."""
    if q.action not in (Action.COSIGN, Action.RETURN):
        return None
    supervises = q.policy.holds_role(q.agent.id, RelationshipRole.SUPERVISOR, q.now)
    may = q.record.record_type is RecordType.PROGRESS_NOTE and q.agent.role in PRACTITIONERS
    if not may or supervises is None or q.record.is_authored_by(q.agent):
        return deny("not-the-supervisor", "rule:relationship.cosign", may_know=may_know(q))
    return permit("supervision", "rule:relationship.cosign", *relationship_ids((supervises,)))

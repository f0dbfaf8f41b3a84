"""Psychotherapy notes (45 CFR 164.501, 164.508(a)(2)): the law's own rules, before every other.

Only the author, and those whom the law or the client's separate authorization lets in, may know that such a note exists.
"""

from services.audit_log.domain.grants import GRANTED_PURPOSES
from services.audit_log.domain.question import Question, Verdict, deny, permit, relationship_ids
from services.audit_log.domain.rules.consents import Effect, consult
from services.audit_log.domain.rules.tables import AUTHOR_ROWS, READING, granted
from services.audit_log.domain.rules.writes import write
from shared.contracts.consent_policy import RelationshipRole, RelationshipSet
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass

_SHUT = "rule:law.164.508-a-2"
_TRAINING = "rule:law.164.508-a-2-i-B"


def decide(q: Question) -> Verdict | None:
    """None where the record is no psychotherapy note."""
    if q.record.key_class is not KeyClass.PSYCHOTHERAPY_NOTE:
        return None
    if q.agent.is_client(q.record.client_id):
        return deny("right-of-access-excludes", "rule:law.164.524-a-1", may_know=False)
    if q.action is Action.CREATE:
        return write(q) or deny("law-psychotherapy-note", _SHUT, may_know=False)
    return _author(q) or _training(q) or _threat(q) or _authorized(q) or deny("law-psychotherapy-note", _SHUT, may_know=False)


def _author(q: Question) -> Verdict | None:
    if not q.record.is_authored_by(q.agent):
        return None
    rule = granted(AUTHOR_ROWS, q.action, q.record.record_type)
    return permit("author", rule) if rule else deny("no-rule", "rule:deny-by-default", may_know=True)


def _training(q: Question) -> Verdict | None:
    if q.purpose != "TRAIN" or q.action not in READING | {Action.COSIGN} or q.record.author is None:
        return None
    supervisor = q.policy.holds_role(q.agent.id, RelationshipRole.SUPERVISOR, q.now)
    trainee = _trainee(q, q.record.author)
    if supervisor is None or trainee is None:
        return None
    return permit("training-supervision", _TRAINING, *relationship_ids((supervisor, trainee)))


def _trainee(q: Question, author: str) -> RelationshipSet | None:
    """The author's training, as it stood on record before the note: nobody makes a colleague's note a trainee's afterwards,
    whatever `start` says, and the reader's own word for it counts never. Without a known recorder it does not count."""
    return next(
        (
            r
            for r in q.policy.relationships_of(author, q.now)
            if r.role is RelationshipRole.TRAINEE
            and r.recorded_by not in ("", q.agent.id)
            and (r.recorded_at or r.at) < q.record.created_at
        ),
        None,
    )


def _threat(q: Question) -> Verdict | None:
    if q.purpose not in GRANTED_PURPOSES:
        return None
    grant = q.grant()
    # of all grants only THREAT's opens such a note: see Grant.opens
    if grant is not None and grant.opens(q.record) and q.action in READING:
        return permit("threat", "rule:law.164.512-j-1-i", f"grant:{grant.id}")
    return deny("law-psychotherapy-note", _SHUT, may_know=False)


def _authorized(q: Question) -> Verdict | None:
    if q.action not in READING:
        return None
    answer = consult(q)
    if answer.effect is not Effect.PERMIT:
        return None
    return permit("authorization", _SHUT, *(f"consent:{c}" for c in answer.consents), *relationship_ids(q.relationships()))

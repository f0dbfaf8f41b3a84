"""The law of the tenant's pack, row by row: the first row that fits decides; silence leaves it to what comes after."""

from collections.abc import Callable
from typing import Final

from services.audit_log.decision.domain.grants import GRANTED_PURPOSES
from services.audit_log.decision.domain.open_notes import NoteStanding
from services.audit_log.decision.domain.question import Question, Verdict, deny, permit, relationship_ids
from services.audit_log.decision.domain.rules.asked import classes_of
from services.audit_log.decision.domain.rules.consents import consult
from services.audit_log.decision.domain.rules.dialects import Says, concerns
from services.audit_log.decision.domain.rules.knowing import may_know
from services.audit_log.decision.domain.rules.labels import reach
from services.audit_log.decision.domain.rules.pack import Fact, Knows, LawRow
from services.audit_log.decision.domain.rules.resources import names_of
from services.audit_log.decision.domain.rules.tables import AUTHOR_IS_CALLER, RELATIONSHIP_ROWS, granted
from shared.contracts.consent_policy import RelationshipRole, RelationshipSet, RepresentativeKind
from shared.contracts.disclosure import Decision
from shared.contracts.records import KeyClass, RecordType
from shared.identity.roles import PRACTITIONERS, Role

_BY_LAW: Final = frozenset({RepresentativeKind.PARENT, RepresentativeKind.GUARDIAN})
"""who acts for somebody whom the law itself does not let consent; a proxy may be named by a client who still can"""
Found = tuple[str, ...] | None
"""ids that the fact rests on; None where it does not hold"""


def decide(q: Question) -> Verdict | None:
    """None where the law of the pack leaves it open."""
    for row in q.law.rows_for(q.record.key_class, q.action):
        found = fits(row, q)
        if found is not None:
            return verdict_of(row, found, q)
    return None


def fits(row: LawRow, q: Question) -> Found:
    """What the row rests on where it fits the question; class and action are looked at beforehand."""
    if (
        (row.purposes and q.purpose not in row.purposes)
        or (row.roles and q.agent.role not in row.roles)
        or (row.labels and row.labels.isdisjoint(q.record.labels))
    ):
        return None
    basis: tuple[str, ...] = ()
    for fact in row.facts:
        found = FACTS[fact](q)
        if found is None:
            return None
        basis += found
    return basis


def verdict_of(row: LawRow, found: tuple[str, ...], q: Question) -> Verdict:
    if row.then is Decision.PERMIT:
        return permit(row.reason, row.rule, *found)
    knows = row.knows is Knows.ALWAYS or (row.knows is Knows.AS_USUAL and may_know(q))
    return deny(row.reason, row.rule, *found, may_know=knows)


def _is_client(q: Question) -> Found:
    return () if q.agent.is_client(q.record.client_id) else None


def _is_author(q: Question) -> Found:
    return () if q.record.is_authored_by(q.agent) else None


def _anothers_name(q: Question) -> Found:
    return () if q.record.record_type in AUTHOR_IS_CALLER and q.record.author != q.agent.id else None


def _may_write(q: Question) -> Found:
    held = q.relationships() if q.agent.role in PRACTITIONERS else ()
    rule = granted(RELATIONSHIP_ROWS, q.action, q.record.record_type)
    return relationship_ids(held) if held and rule else None


def _training(q: Question) -> Found:
    if q.record.author is None:
        return None
    supervisor = q.policy.holds_role(q.agent.id, RelationshipRole.SUPERVISOR, q.now)
    trainee = _trainee(q, q.record.author)
    return relationship_ids((supervisor, trainee)) if supervisor and trainee else None


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


def _grant_opens(q: Question) -> Found:
    grant = q.grant() if q.purpose in GRANTED_PURPOSES else None
    return (f"grant:{grant.id}",) if grant is not None and grant.opens(q.record) else None


def _authorized(q: Question) -> Found:
    heard = consult(q)
    if heard.says is not Says.PERMIT or heard.redact:
        return None
    return (*heard.basis, *relationship_ids(q.relationships()))


def _may_be_plan(q: Question) -> Found:
    """45 CFR 164.522(a)(1)(vi) is about a health plan. Who is none is known of registered record systems alone."""
    if q.agent.role is not Role.EHR_SYSTEM:
        return None
    named = next((r for r in q.policy.restrictions if r.payer == q.agent.id), None)
    if named is not None:
        return (f"restriction:{named.restriction_id}",)
    return () if q.agent.registration is None else None


def _cannot_consent(q: Question) -> Found:
    for r in q.policy.representatives:
        if r.kind in _BY_LAW and r.start <= q.now and (r.end is None or q.now < r.end):
            return (f"representative:{r.representative_id}",)
    return None


def _restricted(q: Question) -> Found:
    record = q.record
    names = names_of(record.record_type)
    for r in q.policy.restrictions_of(q.agent.id, q.now):
        if (
            q.purpose in r.purposes
            and (not r.record_ids or record.record_id in r.record_ids)
            and (not r.labels or not reach(frozenset(r.labels), permits=False).isdisjoint(record.labels))
            and (not r.resource_types or not names.isdisjoint(n.lower() for n in r.resource_types))
            and (r.data_period is None or concerns(r.data_period, record.cared_on, record.dated, denies=True))
        ):
            return (f"restriction:{r.restriction_id}",)
    return None


def _confidential_from_proxy(q: Question) -> Found:
    """What a consent covers that the client gave alone: data of its time, its own evidence, never the client's name itself."""
    if not q.agent.represents(q.record.client_id):
        return None
    for c in q.policy.consents:
        if c.confidential_from_representatives and (
            q.record.record_id == str(c.consent_id)
            or (
                q.record.key_class is not KeyClass.IDENTITY
                and q.record.key_class in classes_of(c)
                and concerns(c.period, q.record.cared_on, q.record.dated, denies=True)
            )
        ):
            return (f"consent:{c.consent_id}",)
    return None


def _excluded_from_proxy(q: Question) -> Found:
    if not q.agent.represents(q.record.client_id):
        return None
    for r in q.policy.represented_by(q.agent.id):
        labels = reach(frozenset(r.excluded_labels), permits=False)
        if q.record.record_id in r.excluded_record_ids or not labels.isdisjoint(q.record.labels):
            return (f"representative:{r.representative_id}",)
    return None


def _standing(q: Question) -> NoteStanding | None:
    """Of a progress note that its client, or who acts for them, asks for; None of everything else, and of a supposed record."""
    record = q.record
    subject = q.agent.is_client(record.client_id) or q.agent.represents(record.client_id)
    if not subject or record.record_type is not RecordType.PROGRESS_NOTE or not record.record_id:
        return None
    return q.notes.get(record.record_id, NoteStanding(signed=False))


def _unsigned(q: Question) -> Found:
    standing = _standing(q)
    return () if standing is not None and not standing.signed else None


def _held(q: Question) -> Found:
    standing = _standing(q)
    return () if standing is not None and standing.held_until is not None and q.now < standing.held_until else None


FACTS: Final[dict[Fact, Callable[[Question], Found]]] = {
    Fact.IS_CLIENT: _is_client,
    Fact.IS_AUTHOR: _is_author,
    Fact.ANOTHERS_NAME: _anothers_name,
    Fact.MAY_WRITE: _may_write,
    Fact.TRAINING: _training,
    Fact.GRANT_OPENS: _grant_opens,
    Fact.AUTHORIZED: _authorized,
    Fact.MAY_BE_PLAN: _may_be_plan,
    Fact.CANNOT_CONSENT: _cannot_consent,
    Fact.RESTRICTED: _restricted,
    Fact.CONFIDENTIAL_FROM_PROXY: _confidential_from_proxy,
    Fact.UNSIGNED: _unsigned,
    Fact.HELD: _held,
    Fact.EXCLUDED_FROM_PROXY: _excluded_from_proxy,
}

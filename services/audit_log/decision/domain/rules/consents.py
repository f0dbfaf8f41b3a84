"""What the client's consents say to a question, together (see `index.py` for how, `walk.py` for why).

Within a consent the deepest provision that matches wins in its branch, and among siblings deny overrides. Where none matches, a
base of permit permits those who hold a current relationship to the client; a base of deny is a default that gives nothing, not an
override of other consents. Somebody without a relationship is permitted only by a provision that names them as an actor, or names
the role `ehr_system` where their token has it. Among consents deny overrides; one that combines as `most-recent` gives way to a
newer one of its like. An authorization says to whom (45 CFR 164.508(c)(1)(iii), 42 CFR 2.31(a)(4)): it permits only by a
provision that names the actor or a role. Tokens of intake, administration and compliance get no clinical class by consent,
whomever it names: only what their own rows give.
"""

from collections.abc import Sequence
from typing import Final

from services.audit_log.decision.domain.question import Question
from services.audit_log.decision.domain.rules.asked import SILENCE, Asked, Heard
from services.audit_log.decision.domain.rules.pack import ConsentLimit
from services.audit_log.decision.domain.rules.resources import names_of
from shared.contracts.codes import EHR_SYSTEM
from shared.contracts.consent_policy import RelationshipSet
from shared.contracts.records import KeyClass
from shared.identity.roles import Role

_SYSTEM = frozenset({EHR_SYSTEM})
CLINICAL: Final = frozenset({KeyClass.PROGRESS_NOTE, KeyClass.PSYCHOTHERAPY_NOTE, KeyClass.MEASURES, KeyClass.CONCERN})
NEVER_CLINICAL: Final = frozenset({Role.INTAKE, Role.ADMINISTRATOR, Role.COMPLIANCE_OFFICER})
"""roles that no consent lets read clinical classes, whoever it names: they draw up, witness or oversee what would let them in"""


def asked_of(q: Question, relationships: Sequence[RelationshipSet] | None = None) -> Asked:
    """The question as provisions see it; `relationships` where they are known already."""
    held = frozenset([r.role.value for r in (q.relationships() if relationships is None else relationships)])
    record = q.record
    return Asked(
        sub=q.agent.id,
        roles=held | _SYSTEM if q.agent.role is Role.EHR_SYSTEM else held,
        related=bool(held),
        purpose=q.purpose,
        action=q.action.value,
        resource=names_of(record.record_type),
        labels=record.labels,
        dated=record.dated,
        cared_on=record.cared_on,
        now=q.now,
    )


def never_clinical(q: Question) -> bool:
    return q.agent.role in NEVER_CLINICAL and q.record.key_class in CLINICAL


def limits_of(q: Question) -> tuple[ConsentLimit, ...]:
    """What the law of the pack keeps consents from permitting here."""
    return q.law.limits_on(q.record.labels)


def consult(q: Question, asked: Asked | None = None) -> Heard:
    """What the client's active consents say together."""
    if never_clinical(q):
        return SILENCE
    return q.policy.index.consult(asked or asked_of(q), q.record.key_class, limits_of(q))


def consult_organisation(q: Question, asked: Asked) -> Heard:
    """What the organisation's own policy says: asked where the consents say nothing, and never of a psychotherapy note."""
    if never_clinical(q):
        return SILENCE
    return q.organisation.as_policy.index.consult(asked, q.record.key_class)

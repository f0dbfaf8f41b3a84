"""Who may do what by role, authorship or relationship: rows, not code. Whatever stands in no row is refused."""

from dataclasses import dataclass
from typing import Final

from shared.contracts.consent_policy import RepresentativePower
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass, RecordType, ServiceName
from shared.identity.roles import Role

READING: Final = frozenset({Action.READ, Action.SEARCH})
DISCLOSING: Final = READING | {Action.EXPORT}
WRITING: Final = frozenset(
    {Action.CREATE, Action.UPDATE, Action.SIGN, Action.COSIGN, Action.RETURN, Action.ANSWER, Action.REVOKE}
)

A, T, K = Action, RecordType, KeyClass


@dataclass(frozen=True, slots=True)
class Row:
    rule: str
    actions: frozenset[Action]
    types: frozenset[RecordType]


def _row(rule: str, actions: frozenset[Action] | set[Action], *types: RecordType) -> Row:
    return Row(rule, frozenset(actions), frozenset(types))


ROLE_ROWS: Final[dict[Role, tuple[Row, ...]]] = {
    Role.INTAKE: (
        _row("rule:role.intake", READING | {A.CREATE, A.UPDATE}, T.CLIENT, T.RELATIONSHIP),
        _row("rule:role.intake", READING | {A.CREATE, A.UPDATE, A.SIGN, A.REVOKE}, T.CONSENT),
        _row("rule:role.intake", READING | {A.CREATE, A.UPDATE}, T.REPRESENTATIVE, T.CAPACITY, T.RESTRICTION, T.AMENDMENT),
    ),
    Role.SUPERVISOR: (
        _row("rule:role.relationships", {A.READ, A.CREATE, A.UPDATE}, T.RELATIONSHIP),
        _row("rule:concern.past-the-therapist", READING | {A.UPDATE}, T.CONCERN),
    ),
    Role.ADMINISTRATOR: (_row("rule:role.relationships", {A.READ, A.CREATE, A.UPDATE}, T.RELATIONSHIP),),
    Role.COMPLIANCE_OFFICER: (
        _row("rule:role.compliance", READING, T.CLIENT, T.CONSENT, T.RELATIONSHIP),
        _row("rule:role.compliance", READING, T.REPRESENTATIVE, T.CAPACITY, T.RESTRICTION, T.AMENDMENT),
        _row("rule:law.164.526", {A.UPDATE}, T.AMENDMENT),
        _row("rule:concern.past-the-therapist", READING | {A.UPDATE}, T.CONCERN),
    ),
}
"""by the token's role alone, for every client of the tenant. Supervisors and administrators start and end relationships and read
the one that they name; they do not search a client's, so that they learn of no client by it"""

TRUSTED_SYSTEM_ROWS: Final = (_row("rule:role.trusted-system", {A.CREATE, A.UPDATE}, T.CONSENT),)
"""a record system that an administrator registered: consents of every client, and of those it wrote their changes. What it reads
is what it wrote, and what consents open to it"""

LOOKING_UP: Final = frozenset(Role) - {Role.CLIENT, Role.REPRESENTATIVE, Role.ADMINISTRATOR}
"""roles that may look for clients by identifier or name; what they are shown is decided client by client"""

_OWN: Final = (
    T.CLIENT, T.SESSION, T.PROGRESS_NOTE, T.CONSENT, T.RELATIONSHIP, T.ADMINISTRATION, T.OUTCOME, T.RELEASE_CHOICE,
    T.REPAIR_PROMPT, T.RISK_ALERT, T.REPRESENTATIVE, T.CAPACITY, T.RESTRICTION, T.AMENDMENT,
    T.TREATMENT_PLAN, T.MOMENT, T.ENGAGEMENT, T.BOUNDARY_EVENT, T.ADVERSE_EFFECT, T.RISK_ASSESSMENT, T.SAFETY_PLAN,
    T.CLOSED_TOPIC, T.CONSULTATION,
)  # fmt: skip
CLIENT_ROWS: Final = (
    _row("rule:law.164.524-a", DISCLOSING, *_OWN, T.CONCERN),
    _row("rule:plan.agreed-by-both", {A.UPDATE, A.SIGN}, T.TREATMENT_PLAN),
    _row("rule:plan.agreed-by-both", {A.CREATE, A.UPDATE}, T.SAFETY_PLAN, T.CLOSED_TOPIC),
    _row("rule:plan.agreed-by-both", {A.CREATE}, T.ENGAGEMENT),
    _row("rule:concern.past-the-therapist", {A.CREATE, A.UPDATE}, T.CONCERN),
    _row("rule:law.gdpr-7-3", {A.SIGN, A.REVOKE}, T.CONSENT),
    _row("rule:law.gdpr-7-3", {A.REVOKE}, T.REPRESENTATIVE),
    _row("rule:law.164.522-a", {A.CREATE, A.UPDATE}, T.RESTRICTION),
    _row("rule:law.164.526", {A.CREATE, A.UPDATE}, T.AMENDMENT),
    _row("rule:release.client-decides", {A.CREATE, A.UPDATE}, T.RELEASE_CHOICE),
)
"""a client, of their own; answering stands with authorship: an administration's author is its rater"""

REPRESENTATIVE_ROWS: Final = (
    _row("rule:role.representative", READING, T.CLIENT, T.CONSENT, T.RELATIONSHIP),
    _row("rule:role.representative", READING, T.REPRESENTATIVE, T.CAPACITY, T.RESTRICTION, T.AMENDMENT),
    _row("rule:role.representative", {A.SIGN, A.REVOKE}, T.CONSENT),
    _row("rule:law.164.522-a", {A.CREATE, A.UPDATE}, T.RESTRICTION),
    _row("rule:law.164.526", {A.CREATE, A.UPDATE}, T.AMENDMENT),
)

REPRESENTED_ROWS: Final[dict[RepresentativePower, tuple[Row, ...]]] = {
    RepresentativePower.READ: (
        _row("rule:law.164.502-g", DISCLOSING, *(t for t in _OWN if t is not T.RELEASE_CHOICE)),
        _row("rule:law.164.522-a", {A.CREATE, A.UPDATE}, T.RESTRICTION),
        _row("rule:law.164.526", {A.CREATE, A.UPDATE}, T.AMENDMENT),
    ),
    RepresentativePower.SIGN: (_row("rule:law.164.502-g", {A.SIGN}, T.CONSENT),),
    RepresentativePower.REVOKE: (_row("rule:law.164.502-g", {A.REVOKE}, T.CONSENT),),
}
"""by a registered authority, while it holds. Who is not registered has what `REPRESENTATIVE_ROWS` say: a name and the consents"""

AUTHOR_ROWS: Final = (
    _row("rule:author.own-record", READING | {A.UPDATE}, T.SESSION, T.OUTCOME),
    _row("rule:author.own-record", READING | {A.UPDATE, A.SIGN}, T.PROGRESS_NOTE),
    _row("rule:author.own-record", READING | {A.UPDATE, A.SIGN}, T.TREATMENT_PLAN),
    _row("rule:author.own-record", READING | {A.UPDATE}, T.MOMENT, T.BOUNDARY_EVENT, T.RISK_ASSESSMENT, T.SAFETY_PLAN),
    _row("rule:author.own-record", READING, T.ENGAGEMENT, T.ADVERSE_EFFECT, T.CLOSED_TOPIC, T.CONSULTATION),
    _row("rule:author.own-record", READING | {A.ANSWER}, T.ADMINISTRATION),
    # who drew up a consent may read it, and may not sign it for the client
    _row("rule:author.own-record", READING, T.CONSENT),
    # a relationship's author is the practitioner: they may step back themselves
    _row("rule:author.own-record", READING | {A.UPDATE}, T.RELATIONSHIP),
)
"""an author, of what they wrote: also after revocation, and after the relationship ended"""

ADDRESSEE_ROWS: Final = (_row("rule:risk.addressee", READING | {A.UPDATE}, T.RISK_ALERT),)
"""a practitioner, of what is addressed to them: with or without a relationship, and whatever the client's release choice says"""

RELATIONSHIP_ROWS: Final = (
    _row(
        "rule:relationship.duty-to-document",
        {A.CREATE},
        T.CONSENT, T.SESSION, T.PROGRESS_NOTE, T.PSYCHOTHERAPY_NOTE, T.ADMINISTRATION, T.OUTCOME,
        T.TREATMENT_PLAN, T.MOMENT, T.ENGAGEMENT, T.BOUNDARY_EVENT, T.ADVERSE_EFFECT, T.RISK_ASSESSMENT, T.SAFETY_PLAN,
        T.CLOSED_TOPIC, T.CONSULTATION,
    ),
    _row("rule:relationship.duty-to-document", {A.UPDATE, A.SIGN}, T.TREATMENT_PLAN),
    _row("rule:relationship.duty-to-document", {A.UPDATE}, T.ADVERSE_EFFECT, T.RISK_ASSESSMENT, T.SAFETY_PLAN),
    # before anything is asked in a session: what the client wants left alone is read with or without a consent
    _row("rule:topics.left-alone", READING, T.CLOSED_TOPIC),
    _row("rule:relationship.duty-to-document", {A.UPDATE}, T.CONSENT),
    _row("rule:relationship.duty-to-document", {A.CREATE, A.UPDATE}, T.CAPACITY, T.AMENDMENT),
)  # fmt: skip
"""a practitioner with a current relationship, of whatever kind, without consent"""

SUPERVISION_ROWS: Final = (_row("rule:boundaries.supervised", READING | {A.UPDATE}, T.BOUNDARY_EVENT, T.ADVERSE_EFFECT),)
"""who supervises the client's treatment now: what may have harmed the client is looked at by somebody else, without consent"""

AUTHOR_IS_CALLER: Final = frozenset(
    {
        *(T.SESSION, T.PROGRESS_NOTE, T.PSYCHOTHERAPY_NOTE, T.OUTCOME, T.CONSENT, T.TREATMENT_PLAN, T.MOMENT, T.ENGAGEMENT),
        *(T.BOUNDARY_EVENT, T.ADVERSE_EFFECT, T.RISK_ASSESSMENT, T.SAFETY_PLAN, T.CLOSED_TOPIC, T.CONSULTATION, T.CONCERN),
    }
)
"""types that are bound to whoever creates them"""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A registered job: background work without a person. One entry a client."""

    service: ServiceName
    purpose: str
    ground: str
    may: frozenset[tuple[Action, RecordType]]
    per_minute: int
    """records a tenant and minute"""


JOBS: Final[dict[str, JobRow]] = {
    "strain_detection": JobRow(
        ServiceName.ALLIANCE,
        "TREAT",
        "computed, seen by nobody",
        frozenset({(A.COMPUTE, T.ADMINISTRATION), (A.COMPUTE, T.OUTCOME), (A.CREATE, T.REPAIR_PROMPT)}),
        per_minute=30_000,
    ),
    "choreography": JobRow(
        ServiceName.ALLIANCE,
        "TREAT",
        "a session held calls for its measure",
        frozenset({(A.CREATE, T.ADMINISTRATION)}),
        per_minute=6_000,
    ),
    "risk_alarm": JobRow(
        ServiceName.ALLIANCE,
        "TREAT",
        "an answer to a critical item is told to a named person",
        frozenset({(A.CREATE, T.RISK_ALERT), (A.COMPUTE, T.RISK_ALERT)}),
        per_minute=6_000,
    ),
    "client_index": JobRow(
        ServiceName.SESSION_NOTES,
        "HOPERAT",
        "the index of clients is made anew",
        frozenset({(A.COMPUTE, T.CLIENT)}),
        per_minute=6_000,
    ),
}


def granted(rows: tuple[Row, ...], action: Action, record_type: RecordType) -> str | None:
    """The id of the rule that permits it; None where no row does."""
    return next((r.rule for r in rows if action in r.actions and record_type in r.types), None)

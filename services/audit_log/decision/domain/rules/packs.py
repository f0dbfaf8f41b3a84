"""The packs: US federal law, and the EU's. A jurisdiction without a source gets none.

Every row names a rule of `rule.RULES`, where its citation, the day it was read and its reviewer stand.
"""

from typing import Final

from services.audit_log.decision.domain.open_notes import HELD
from services.audit_log.decision.domain.rules.labels import COUNSELLING_NOTE, SUBSTANCE_USE
from services.audit_log.decision.domain.rules.pack import ConsentLimit, Fact, Ground, Knows, LawRow, Notice, Pack
from services.audit_log.decision.domain.rules.tables import DISCLOSING, READING
from shared.contracts.consent_policy import ConsentKind
from shared.contracts.disclosure import Action, Decision
from shared.contracts.notices import PART2_NOTICE
from shared.contracts.records import IN_CONFIDENCE, KeyClass
from shared.identity.roles import Role

_D, _P = Decision.DENY, Decision.PERMIT
_NOTE: Final = frozenset({KeyClass.PSYCHOTHERAPY_NOTE})
_CREATE: Final = frozenset({Action.CREATE})
_NOT_READING: Final = frozenset(Action) - READING
_GRANTED: Final = frozenset({"BTG", "ETREAT", "THREAT"})
PART2: Final = frozenset({ConsentKind.PART2_TPO, ConsentKind.PART2_COUNSELLING_NOTES})
TPO: Final = frozenset({"TREAT", "ETREAT", "COC", "HPAYMT", "HOPERAT"})
TREATMENT: Final = frozenset({"TREAT", "ETREAT"})
SELF_PAY: Final = "HIPAASelfPay"


def _psychotherapy_notes(
    shut: str, originator: str, training: str, threat: str, *, own: frozenset[str] = frozenset()
) -> tuple[LawRow, ...]:
    """Who a psychotherapy note opens to, by the rules of those names; to nobody else, and nobody else knows of it. Without the
    client's authorization its originator uses it for the purposes of `own` (none: for any)."""
    return (
        LawRow("rule:author.is-caller", _D, "author-is-another", _NOTE, _CREATE, facts=(Fact.ANOTHERS_NAME,)),
        LawRow("rule:relationship.duty-to-document", _P, "relationship", _NOTE, _CREATE, facts=(Fact.MAY_WRITE,)),
        LawRow(shut, _D, "law-psychotherapy-note", _NOTE, _CREATE, knows=Knows.NEVER),
        LawRow(originator, _P, "author", _NOTE, READING | {Action.UPDATE, Action.SIGN}, own, facts=(Fact.IS_AUTHOR,)),
        LawRow("rule:deny-by-default", _D, "no-rule", _NOTE, _NOT_READING, facts=(Fact.IS_AUTHOR,), knows=Knows.ALWAYS),
        LawRow(
            training, _P, "training-supervision", _NOTE, READING | {Action.COSIGN}, frozenset({"TRAIN"}), facts=(Fact.TRAINING,)
        ),
        LawRow(threat, _P, "threat", _NOTE, READING, _GRANTED, facts=(Fact.GRANT_OPENS,)),
        LawRow(shut, _D, "law-psychotherapy-note", _NOTE, purposes=_GRANTED, facts=(Fact.IS_AUTHOR,), knows=Knows.ALWAYS),
        LawRow(shut, _D, "law-psychotherapy-note", _NOTE, purposes=_GRANTED, knows=Knows.NEVER),
        LawRow(shut, _P, "authorization", _NOTE, READING, facts=(Fact.AUTHORIZED,)),
        LawRow(shut, _D, "law-psychotherapy-note", _NOTE, facts=(Fact.IS_AUTHOR,), knows=Knows.ALWAYS),
        LawRow(shut, _D, "law-psychotherapy-note", _NOTE, knows=Knows.NEVER),
    )


def _in_confidence(rule: str) -> LawRow:
    """What others told in confidence stays closed to the client and who acts for them, who do not learn that it is there."""
    subject = frozenset({Role.CLIENT, Role.REPRESENTATIVE})
    return LawRow(
        rule, _D, "in-confidence", actions=DISCLOSING, roles=subject, labels=frozenset({IN_CONFIDENCE}), knows=Knows.NEVER
    )


def _open_notes() -> tuple[LawRow, ...]:
    """A client's own progress notes: open once they are signed, unless a hold by exception keeps one back for a time."""
    notes = frozenset({KeyClass.PROGRESS_NOTE})
    return (
        LawRow("rule:law.171-signed", _D, "draft", notes, DISCLOSING, facts=(Fact.UNSIGNED,), knows=Knows.NEVER),
        LawRow("rule:law.171-hold", _D, HELD, notes, DISCLOSING, facts=(Fact.HELD,)),
    )


US_FEDERAL: Final = Pack(
    id="us-federal",
    title="United States, federal: HIPAA (45 CFR 164) and 42 CFR Part 2",
    rows=(
        LawRow("rule:law.164.502-g-3", _D, "minor-consented-alone", facts=(Fact.CONFIDENTIAL_FROM_PROXY,), knows=Knows.NEVER),
        LawRow("rule:law.164.502-g-5", _D, "excluded-from-proxy", facts=(Fact.EXCLUDED_FROM_PROXY,), knows=Knows.NEVER),
        LawRow("rule:law.164.524-a-1", _D, "right-of-access-excludes", _NOTE, facts=(Fact.IS_CLIENT,), knows=Knows.NEVER),
        _in_confidence("rule:law.164.524-a-2-v"),
        *_open_notes(),
        *_psychotherapy_notes(
            "rule:law.164.508-a-2",
            "rule:law.164.508-a-2-i-A",
            "rule:law.164.508-a-2-i-B",
            "rule:law.164.512-j-1-i",
            own=TREATMENT,
        ),
        LawRow(
            "rule:law.164.522-a",
            _D,
            "self-pay",
            purposes=frozenset({"HPAYMT", "HOPERAT"}),
            labels=frozenset({SELF_PAY}),
            facts=(Fact.MAY_BE_PLAN,),
        ),
        LawRow("rule:law.164.522-a", _D, "self-pay", actions=DISCLOSING, facts=(Fact.RESTRICTED,)),
    ),
    limits=(
        ConsentLimit("rule:law.42cfr2-legal", kinds=PART2, serves=TPO),
        ConsentLimit(
            "rule:law.42cfr2-legal",
            besides=frozenset({ConsentKind.DISCLOSURE}),
            labels=SUBSTANCE_USE,
            purposes=frozenset({"HLEGAL"}),
            unless_alone=True,
        ),
        ConsentLimit(
            "rule:law.42cfr2-counselling",
            besides=frozenset({ConsentKind.PART2_COUNSELLING_NOTES}),
            labels=frozenset({COUNSELLING_NOTE}),
        ),
    ),
    notices=(Notice("rule:law.42cfr2.32", PART2_NOTICE, PART2),),
    beyond_organisation=SUBSTANCE_USE | {COUNSELLING_NOTE},
)

EU: Final = Pack(
    id="eu",
    title="European Union: GDPR",
    rows=(
        LawRow(
            "rule:representative.limits", _D, "minor-consented-alone", facts=(Fact.CONFIDENTIAL_FROM_PROXY,), knows=Knows.NEVER
        ),
        LawRow("rule:representative.limits", _D, "excluded-from-proxy", facts=(Fact.EXCLUDED_FROM_PROXY,), knows=Knows.NEVER),
        _in_confidence("rule:law.gdpr-15-4"),
        LawRow("rule:law.gdpr-15", _P, "own-record", _NOTE, DISCLOSING, facts=(Fact.IS_CLIENT,)),
        LawRow("rule:notes.apart", _D, "law-psychotherapy-note", _NOTE, facts=(Fact.IS_CLIENT,), knows=Knows.NEVER),
        *_psychotherapy_notes("rule:notes.apart", "rule:author.own-record", "rule:notes.apart", "rule:glass.grant"),
    ),
    grounds=(
        Ground(("rule:law.gdpr-6-1-c", "rule:law.gdpr-9-2-h", "rule:law.gdpr-15"), reasons=frozenset({"own-record"})),
        Ground(("rule:law.gdpr-6-1-d", "rule:law.gdpr-9-2-c"), _GRANTED, facts=(Fact.CANNOT_CONSENT,)),
        Ground(("rule:law.gdpr-6-1-d", "rule:law.gdpr-9-2-g"), frozenset({"THREAT"})),
        Ground(("rule:law.gdpr-6-1-d", "rule:law.gdpr-9-2-h"), _GRANTED),
        Ground(("rule:law.gdpr-6-1-f", "rule:law.gdpr-9-2-f"), frozenset({"HLEGAL"})),
        Ground(("rule:law.gdpr-6-1-f", "rule:law.gdpr-9-2-j"), frozenset({"HRESCH"})),
        Ground(("rule:law.gdpr-6-1-a", "rule:law.gdpr-9-2-a"), frozenset({"HMARKT"})),
        Ground(("rule:law.gdpr-6-1-a", "rule:law.gdpr-9-2-a"), reasons=frozenset({"authorization"})),
        Ground(("rule:law.gdpr-6-1-c", "rule:law.gdpr-9-2-i"), frozenset({"PUBHLTH"})),
        Ground(("rule:law.gdpr-6-1-b", "rule:law.gdpr-9-2-h")),
    ),
    about_others="rule:law.gdpr-15-4",
)

PACKS: Final[dict[str, Pack]] = {pack.id: pack for pack in (US_FEDERAL, EU)}
DEFAULT_PACK: Final = US_FEDERAL
"""of a tenant that has not chosen: api.md's rules are those of US law"""

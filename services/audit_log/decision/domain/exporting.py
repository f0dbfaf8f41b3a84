"""Whether a client's record may be exported, and what is left out: the rules are asked about supposed records (ADR 0054).

So the grounds come from the same rows that decide, and neither their being there nor their number depends on what is recorded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from services.audit_log.decision.domain.decision import decide, may_search
from services.audit_log.decision.domain.question import Question, Verdict, deny
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.decision.domain.rules.pack import Fact
from services.audit_log.decision.domain.rules.rule import RULES
from shared.contracts.disclosure import Action, Decision, Exclusion, Reach
from shared.contracts.records import ALLIANCE_RATING, RECORD_TYPES, RecordType, ServiceName
from shared.identity.roles import Role

OWNERS_RULE: Final = "rule:export.to-the-client"
ABOUT_OTHERS: Final = {RecordType.SESSION: ("participants",)}
"""fields that name other people than the client and the staff"""
_RATED: Final = frozenset({ALLIANCE_RATING})
_ALWAYS: Final = {RecordType.REPAIR_PROMPT: _RATED}
"""labels that every record of a type has"""
_OF_STANDING: Final = frozenset({Fact.UNSIGNED, Fact.HELD})
_OF_PROXY: Final = frozenset({Fact.CONFIDENTIAL_FROM_PROXY, Fact.EXCLUDED_FROM_PROXY})


def supposed(record_type: RecordType, client_id: str, q: Question, labels: frozenset[str] = frozenset()) -> BoundRecord:
    """A record that does not exist, by nobody."""
    return BoundRecord(
        record_id="",
        client_id=client_id,
        record_type=record_type,
        author=None,
        labels=labels | _ALWAYS.get(record_type, frozenset()),
        service=RECORD_TYPES[record_type].owner,
        kid="",
        created_at=q.now,
    )


def export_of(q: Question, client_id: str) -> tuple[Verdict, tuple[Exclusion, ...]]:
    """May the agent of `q` have an archive of what `q.service` keeps of this client, and what is not in it.

    `q` carries everything that decides but the record, which is put in here.
    """
    q = replace(q, action=Action.EXPORT, record=supposed(RecordType.CLIENT, client_id, q))
    known = may_search(q.agent, client_id, purpose=q.purpose, policy=q.policy, grants=q.grants, now=q.now).may_know
    if not (q.agent.is_client(client_id) or q.agent.represents(client_id)):
        return deny("not-the-clients", OWNERS_RULE, may_know=known), ()
    verdicts = [(t, decide(replace(q, record=supposed(t, client_id, q)))) for t in owned(q.service)]
    permitted = next((v for _, v in verdicts if v.permitted), None)
    if permitted is None:
        return replace(verdicts[0][1], may_know=known), ()
    return permitted, tuple(_exclusions(q, client_id, verdicts))


def owned(service: ServiceName) -> list[RecordType]:
    """In the order in which they are declared."""
    return [t for t, row in RECORD_TYPES.items() if row.owner is service]


def _exclusions(q: Question, client_id: str, verdicts: Iterable[tuple[RecordType, Verdict]]) -> Iterator[Exclusion]:
    for record_type, verdict in verdicts:
        if not verdict.permitted:
            yield _exclusion(record_type, Reach.ALL, _ground(verdict))
            continue
        grounds = dict.fromkeys(
            (*_by_label(q, client_id, record_type), *_by_authority(q, record_type), *_by_standing(q, record_type))
        )
        yield from (_exclusion(record_type, Reach.SOME, rule) for rule in grounds)
        if q.law.about_others and record_type in ABOUT_OTHERS:
            yield _exclusion(record_type, Reach.FIELDS, q.law.about_others, ABOUT_OTHERS[record_type])


def _by_label(q: Question, client_id: str, record_type: RecordType) -> Iterator[str]:
    """Grounds on which a record with some label would stay closed."""
    rows = q.law.rows_for(RECORD_TYPES[record_type].key_class, Action.EXPORT)
    labels = {frozenset({label}) for row in rows for label in row.labels}
    if record_type is RecordType.ADMINISTRATION:
        labels.add(_RATED)
    for one in sorted(labels, key=sorted):
        verdict = decide(replace(q, record=supposed(record_type, client_id, q, one)))
        if not verdict.permitted:
            yield _ground(verdict)


def _by_authority(q: Question, record_type: RecordType) -> Iterator[str]:
    """Grounds on which the law keeps single records from who acts for a client: said to all of them, whether they hold or not."""
    if q.agent.role is Role.REPRESENTATIVE:
        for row in q.law.rows_for(RECORD_TYPES[record_type].key_class, Action.EXPORT):
            if row.then is Decision.DENY and not _OF_PROXY.isdisjoint(row.facts):
                yield row.rule


def _by_standing(q: Question, record_type: RecordType) -> Iterator[str]:
    """Grounds on which the law keeps single notes from their client for a time: said to all, whether there are any or not."""
    if record_type is RecordType.PROGRESS_NOTE:
        for row in q.law.rows_for(RECORD_TYPES[record_type].key_class, Action.EXPORT):
            if row.then is Decision.DENY and not _OF_STANDING.isdisjoint(row.facts):
                yield row.rule


def _ground(verdict: Verdict) -> str:
    return next(b for b in verdict.basis if b in RULES)


def _exclusion(record_type: RecordType, reach: Reach, rule: str, fields: tuple[str, ...] = ()) -> Exclusion:
    source = RULES[rule]
    return Exclusion(record_type=record_type, reach=reach, rule=rule, citation=source.citation, text=source.text, fields=fields)

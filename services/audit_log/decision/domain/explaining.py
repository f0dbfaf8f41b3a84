"""Why a question was decided as it was, in lines that a person can read: every rule, row of law, consent and provision that was
looked at, what it said, and whether it decided. The verdict is the engine's own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.audit_log.decision.domain.decision import RULES_IN_ORDER, decide
from services.audit_log.decision.domain.question import Question, Verdict
from services.audit_log.decision.domain.rules import law, reading
from services.audit_log.decision.domain.rules.consents import asked_of, limits_of
from services.audit_log.decision.domain.rules.pack import LawRow
from services.audit_log.decision.domain.rules.rule import RULES
from services.audit_log.decision.domain.rules.tables import DISCLOSING
from services.audit_log.decision.domain.rules.walk import ConsentSeen, ProvisionSeen, walk
from services.audit_log.ledger.domain.agent_kind import AgentKind

_TITLES = {
    "_job": "a registered job's row",
    "_link": "an answering link",
    "_several_roles": "a token with several roles",
    "needs_grant": "purposes that need a grant made beforehand",
    "decide": "the law of the tenant's pack",
    "release": "the client's choice of who sees their ratings",
    "_client": "a client's own record",
    "_representative": "who acts for the client",
    "_author": "what one wrote oneself",
    "_addressee": "a risk alert, to whom it is addressed",
    "break_glass": "a break-glass grant",
    "write": "the duty to document",
    "_trusted_system": "record systems that an administrator registered",
    "_role": "what the role permits",
    "cosign": "co-signing",
    "about_oneself": "whether a concern is about whoever asks",
    "supervise": "what a supervisor looks at in a treatment",
    "by_consent": "consents, and under them the organisation's policy",
}
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    said: str
    """permit, deny, redact or nothing"""
    why: str
    decided: bool = False
    inner: tuple["Line", ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    verdict: Verdict
    lines: tuple[Line, ...]


def explain(q: Question) -> Explained:
    """The verdict on one record, and how it came about."""
    lines: list[Line] = []
    for rule in RULES_IN_ORDER:
        verdict = rule(q)
        inner: tuple[Line, ...] = ()
        if rule is law.decide:
            inner = tuple(_law(q))
        elif rule is reading.by_consent:
            inner = tuple(_consents(q))
        said = NOTHING if verdict is None else str(verdict.decision)
        why = "it does not speak of this" if verdict is None else _because(verdict)
        lines.append(Line(_TITLES[rule.__name__], said, why, verdict is not None, inner))
        if verdict is not None:
            break
    else:
        lines.append(Line("what no rule permits", "deny", "it stays closed (rule:deny-by-default)", True))
    if not any(line.what == _TITLES["by_consent"] for line in lines) and _asks_consents(q):
        why = "not reached: a rule before them decided"
        lines.append(Line(_TITLES["by_consent"], NOTHING, why, False, tuple(_consents(q))))
    return Explained(decide(q), tuple(lines))


def in_words(explained: Explained) -> list[str]:
    """The lines as sentences, deeper ones indented; what decided is marked."""
    verdict = explained.verdict
    head = f"{'Permitted' if verdict.permitted else 'Denied'} ({verdict.reason}), resting on {', '.join(verdict.basis)}."
    return [head, *(text for line in explained.lines for text in _words(line, 0))]


def _words(line: Line, depth: int) -> Iterator[str]:
    mark = " ← decided" if line.decided else ""
    yield f"{'  ' * depth}{line.what} says {line.said}: {line.why}.{mark}"
    for inner in line.inner:
        yield from _words(inner, depth + 1)


def _because(verdict: Verdict) -> str:
    texts = [f"{RULES[b].text} ({RULES[b].citation})" for b in verdict.basis if b in RULES]
    others = [b for b in verdict.basis if b not in RULES]
    return "; ".join([f"reason {verdict.reason}", *texts, *others])


def _law(q: Question) -> Iterator[Line]:
    decided = False
    for row in q.law.rows_for(q.record.key_class, q.action):
        fits = law.fits(row, q) is not None
        rule = RULES[row.rule]
        what = f"{row.rule} ({rule.citation}): {rule.text}"
        if decided:
            yield Line(what, NOTHING, "not reached")
        elif fits:
            decided = True
            yield Line(what, str(row.then), "it fits, and is the first that does", True)
        else:
            yield Line(what, NOTHING, _unfit(row, q))


def _unfit(row: LawRow, q: Question) -> str:
    unmet = [
        *(["purpose"] if row.purposes and q.purpose not in row.purposes else []),
        *(["role"] if row.roles and q.agent.role not in row.roles else []),
        *(["label"] if row.labels and row.labels.isdisjoint(q.record.labels) else []),
        *(str(fact) for fact in row.facts if law.FACTS[fact](q) is None),
    ]
    return f"it does not fit: {', '.join(unmet)}"


def _asks_consents(q: Question) -> bool:
    return q.agent.kind is AgentKind.PERSON and q.action in DISCLOSING


def _consents(q: Question) -> Iterator[Line]:
    if not _asks_consents(q):
        return
    asked = asked_of(q)
    held = ", ".join(f"{r.role} (relationship:{r.relationship_id})" for r in q.relationships()) or "none"
    yield Line("relationships held at that time", NOTHING, held)
    care = f"care of {q.record.cared_on}" if q.record.cared_on else "care of that time, since no other day was told"
    yield Line("the record", NOTHING, f"recorded {q.record.created_at:%Y-%m-%d}, {care}")
    heard, seen = walk(q.policy, asked, q.record.key_class, limits_of(q))
    yield from map(_consent, seen)
    if not seen:
        yield Line("consents", NOTHING, "none was known")
    if heard.redact:
        yield Line("what the consents hold back", "redact", ", ".join(sorted(heard.redact)))
    version = q.organisation.version
    own, _ = walk(q.organisation.as_policy, asked, q.record.key_class)
    yield Line(f"organisation:{version}", str(own.says), "asked only where the consents say nothing")


def _consent(seen: ConsentSeen) -> Line:
    consent = seen.consent
    what = (
        f"consent:{consent.consent_id} ({consent.kind}, dialect {consent.policy.dialect}, combining {consent.policy.combining}, "
        f"base {consent.policy.base})"
    )
    if seen.counted:
        why = f"{seen.why}; {'this decided among the consents' if seen.won else 'another outweighed it, or it said nothing'}"
    else:
        why = f"{seen.why}; it was not counted"
    return Line(what, str(seen.said), why, seen.won, tuple(_provisions(seen.provisions)))


def _provisions(seen: Iterable[ProvisionSeen]) -> Iterator[Line]:
    for p in seen:
        why = f"not met: {', '.join(p.unmet)}" if p.unmet else "it matches"
        yield Line(
            f"provision {p.pointer}, read as {p.read_as}", str(p.said), f"{why}; {p.note}" if p.note else why, False,
            tuple(_provisions(p.inner)),
        )  # fmt: skip

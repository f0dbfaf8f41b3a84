"""What a rule is: an id that a ledger entry can name, and the source that a lawyer can check."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TITLES: Final = {
    "45 CFR": "Code of Federal Regulations, title 45 (HIPAA)",
    "42 CFR": "Code of Federal Regulations, title 42 (substance use disorder patient records)",
    "GDPR": "Regulation (EU) 2016/679 (GDPR)",
}
"""texts of law by the short name that begins a citation"""
OWN: Final = frozenset({"organisation rule", "duty to document", "duty of care", "supervision", "v3-ActCode REDACT"})
"""what a citation may name besides a text of law"""


class Reading(StrEnum):
    """Whether somebody has read the text that a rule cites."""

    READ = "read"
    UNREAD = "unread"
    """written from memory of the rule"""
    NOT_LAW = "not-law"
    """the organisation's own rule: there is no text of law to read"""


@dataclass(frozen=True, slots=True)
class Source:
    title: str
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """`read_on` and `text_of` are empty where the rule was written from memory; `reviewer` until a lawyer has looked."""

    id: str
    citation: str
    """parts divided by `; `, each a name of `OWN`, or a name of `TITLES` and sections divided by `, `"""
    text: str
    read_on: str = ""
    """ISO day on which the cited sections themselves were read for this rule"""
    text_of: str = ""
    """ISO day of the version of the text that was read"""
    reviewer: str = ""
    """the lawyer who looked at it"""

    def __post_init__(self) -> None:
        """ValueError for a citation that names no known text, a reading without its text's day, a review without a reading."""
        for part in self.citation.split("; "):
            if part not in OWN and _source(part) is None:
                raise ValueError(f"{self.id}: {part!r} names no text of TITLES")
        if bool(self.read_on) is not bool(self.text_of) or (self.read_on and not self.sources):
            raise ValueError(f"{self.id}: a reading says when, and which version of which text")
        if self.reviewer and not self.read_on:
            raise ValueError(f"{self.id}: nobody reviews what nobody has read")

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the law that it rests on stands; empty for the organisation's own rules."""
        return tuple(source for part in self.citation.split("; ") if (source := _source(part)) is not None)

    @property
    def reading(self) -> Reading:
        if not self.sources:
            return Reading.NOT_LAW
        return Reading.READ if self.read_on else Reading.UNREAD

    @property
    def review(self) -> str:
        """In words, for the pages and the API."""
        return f"reviewed by {self.reviewer}" if self.reviewer else "not reviewed by a lawyer"


def _source(part: str) -> Source | None:
    name = next((n for n in TITLES if part.startswith(f"{n} ")), None)
    return Source(TITLES[name], tuple(part.removeprefix(f"{name} ").split(", "))) if name else None


def _table(*rules: Rule) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


RULES: Final = _table(
    Rule("rule:law.164.508-a-2", "45 CFR 164.508(a)(2)", "a psychotherapy note opens to nobody without its own authorization"),
    Rule("rule:law.164.508-a-2-i-A", "45 CFR 164.508(a)(2)(i)(A)", "its originator may use a psychotherapy note for treatment"),
    Rule("rule:law.164.508-a-2-i-B", "45 CFR 164.508(a)(2)(i)(B)", "training under supervision may use a trainee's note"),
    Rule("rule:law.164.512-j-1-i", "45 CFR 164.512(j)(1)(i)", "a serious and imminent threat: one record, approved by a second"),
    Rule("rule:law.164.524-a-1", "45 CFR 164.524(a)(1)", "psychotherapy notes are outside the client's right of access"),
    Rule(
        "rule:law.164.524-a-2-v",
        "45 CFR 164.524(a)(2)(v)",
        "what somebody who is no provider told under a promise of confidentiality, where it would reveal the source",
    ),
    Rule("rule:law.164.524-a", "45 CFR 164.524(a); GDPR 15", "clients read their own record"),
    Rule("rule:law.171-signed", "45 CFR 171", "a client's own progress notes are open to them once they are signed"),
    Rule(
        "rule:law.171-hold", "45 CFR 171.201, 171.202", "one note may be held back for a time; the client is told that it is held"
    ),
    Rule("rule:law.164.522-a", "45 CFR 164.522(a)(1)(vi)", "what the client paid in full does not go to a health plan"),
    Rule(
        "rule:law.164.526",
        "45 CFR 164.526",
        "a request to amend a record is made, answered and disagreed with; nothing is overwritten",
    ),
    Rule(
        "rule:law.164.530-j",
        "45 CFR 164.530(j)(2), 164.508(b)(6)",
        "evidence of consent is kept for six years from the day it was last in effect",
    ),
    Rule(
        "rule:law.164.528",
        "45 CFR 164.528(a)(1), 164.528(b)",
        "disclosures of six years are accounted for: when, to whom, what, why",
    ),
    Rule("rule:law.164.502-g", "45 CFR 164.502(g)", "who acts for a client by registered authority, while it holds and as far"),
    Rule(
        "rule:law.164.502-g-3",
        "45 CFR 164.502(g)(3); 42 CFR 2.14",
        "a service that a minor consented to alone stays closed to parents",
    ),
    Rule("rule:law.164.502-g-5", "45 CFR 164.502(g)(5)", "what is excluded from a representative's authority stays closed"),
    Rule("rule:law.42cfr2-counselling", "42 CFR 2.31(b)", "SUD counselling notes need their own consent; TPO is not enough"),
    Rule("rule:law.gdpr-15", "GDPR 15", "who the data are about gets a copy; there is no carve-out for psychotherapy notes"),
    Rule(
        "rule:law.gdpr-15-4", "GDPR 15(4)", "a copy does not touch the rights of others: what is about other people is left out"
    ),
    Rule(
        "rule:export.to-the-client",
        "GDPR 15, 20; 45 CFR 164.524(c)",
        "an archive of a whole record is made for the client, or for who acts for them",
    ),
    Rule("rule:law.gdpr-9-2-a", "GDPR 9(2)(a)", "explicit consent"),
    Rule("rule:law.gdpr-6-1-a", "GDPR 6(1)(a)", "consent"),
    Rule("rule:law.gdpr-6-1-b", "GDPR 6(1)(b)", "the contract of treatment with the client"),
    Rule("rule:law.gdpr-6-1-c", "GDPR 6(1)(c)", "a duty that the law puts on the practice"),
    Rule("rule:law.gdpr-6-1-d", "GDPR 6(1)(d)", "vital interests of the client or of somebody else"),
    Rule("rule:law.gdpr-6-1-f", "GDPR 6(1)(f)", "legitimate interests that the client's own do not outweigh"),
    Rule("rule:law.gdpr-9-2-c", "GDPR 9(2)(c)", "vital interests, where the client cannot consent"),
    Rule("rule:law.gdpr-9-2-f", "GDPR 9(2)(f)", "legal claims"),
    Rule("rule:law.gdpr-9-2-g", "GDPR 9(2)(g)", "a substantial public interest that a law of the Union or a member state names"),
    Rule("rule:law.gdpr-9-2-h", "GDPR 9(2)(h), 9(3)", "care by somebody under professional secrecy"),
    Rule("rule:law.gdpr-9-2-i", "GDPR 9(2)(i)", "public health"),
    Rule("rule:law.gdpr-9-2-j", "GDPR 9(2)(j), 89(1)", "research, with the safeguards that a law names"),
    Rule("rule:notes.apart", "organisation rule; GDPR 9(3)", "psychotherapy notes stay with who wrote them"),
    Rule("rule:representative.limits", "organisation rule", "who acts for a client sees nothing that is excluded from it"),
    Rule("rule:consent.redact", "organisation rule; v3-ActCode REDACT", "what a consent holds back is taken out or stays shut"),
    Rule("rule:organisation.policy", "organisation rule", "what the organisation adds where the consents say nothing"),
    Rule(
        "rule:law.42cfr2-legal",
        "42 CFR 2.12(d)(1), 2.31(d), 2.61",
        "proceedings need a consent for them alone, or a court order; TPO is not enough",
    ),
    Rule("rule:law.42cfr2.51", "42 CFR 2.51", "an emergency is documented after it, and nothing but a reason is asked before"),
    Rule("rule:law.42cfr2.32", "42 CFR 2.32", "a disclosure made by consent carries the notice"),
    Rule("rule:law.gdpr-7-3", "GDPR 7(3); 45 CFR 164.508(b)(5)", "withdrawing is as easy as giving"),
    Rule("rule:release.client-decides", "organisation rule", "the client decides who sees their alliance ratings"),
    Rule("rule:role.intake", "organisation rule", "intake keeps identities, consents and relationships, nothing clinical"),
    Rule("rule:role.lookup", "organisation rule", "staff and record systems look for a client by identifier or name"),
    Rule(
        "rule:role.trusted-system", "organisation rule", "a record system that an administrator registered writes down consents"
    ),
    Rule(
        "rule:role.solo-practice",
        "organisation rule",
        "one token holds several roles in a solo practice alone, its practitioner's",
    ),
    Rule("rule:role.relationships", "organisation rule", "supervisors and administrators make and end relationships"),
    Rule("rule:role.compliance", "organisation rule; 45 CFR 164.530(a)", "compliance sees names and evidence of consent"),
    Rule("rule:role.representative", "45 CFR 164.502(g)", "who acts for a client reads identity and consents, and signs"),
    Rule("rule:relationship.not-oneself", "organisation rule", "nobody gives themselves a relationship to a client"),
    Rule("rule:relationship.duty-to-document", "duty to document", "who treats may write, whatever the consents"),
    Rule("rule:relationship.evidence", "organisation rule", "who treats may see what the client agreed to"),
    Rule("rule:relationship.cosign", "organisation rule; supervision", "the client's supervisor co-signs"),
    Rule("rule:author.own-record", "organisation rule; duty to document", "an author keeps what they wrote"),
    Rule("rule:plan.agreed-by-both", "organisation rule", "a client has a say in plan, safety plan, topics and how they feel"),
    Rule("rule:topics.left-alone", "organisation rule", "whoever treats a client reads which topics the client has closed"),
    Rule(
        "rule:boundaries.supervised",
        "organisation rule; duty of care",
        "who supervises a treatment looks at boundary events and adverse effects, with or without a consent",
    ),
    Rule(
        "rule:concern.past-the-therapist",
        "organisation rule; duty of care",
        "a client's concern goes to supervisors and compliance officers",
    ),
    Rule(
        "rule:concern.not-to-whom-it-is-about",
        "organisation rule; duty of care",
        "a concern stays closed to the person whom it is about",
    ),
    Rule("rule:risk.addressee", "organisation rule; duty of care", "a practitioner who is told of a risk opens that alert"),
    Rule("rule:author.is-caller", "organisation rule", "nobody writes in another's name"),
    Rule("rule:consent.deny-by-default", "organisation rule", "what no active consent permits stays closed"),
    Rule("rule:consent.deny-overrides", "organisation rule", "one active consent that denies outweighs all that permit"),
    Rule(
        "rule:glass.grant",
        "organisation rule; 42 CFR 2.51",
        "break-glass opens what a grant made beforehand names, and nothing without one",
    ),
    Rule("rule:job.registered", "organisation rule", "a job does what its row says: computed, seen by nobody"),
    Rule("rule:link.its-administration", "organisation rule", "a link answers its own administration"),
    Rule("rule:erasure.fence", "GDPR 17", "once an erasure has begun, nothing new is sealed in its classes"),
    Rule("rule:create.reference", "organisation rule", "a record is made for a client, and speaks of records, that are there"),
    Rule("rule:create.together", "organisation rule", "records that are made together are made whole or not at all"),
    Rule("rule:search.known-client", "organisation rule", "who may know a client may ask for the client's records"),
    Rule("rule:deny-by-default", "organisation rule", "what no rule permits stays closed"),
)
"""every rule that a verdict may rest on, by id"""

"""What a rule is: an id that a ledger entry can name, and the source that a lawyer can check."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """`read_on` is empty where the citation was written from memory; `reviewer` until a lawyer has looked."""

    id: str
    citation: str
    text: str
    read_on: str = ""
    reviewer: str = ""


def _table(*rules: Rule) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


RULES: Final = _table(
    Rule("rule:law.164.508-a-2", "45 CFR 164.508(a)(2)", "a psychotherapy note opens to nobody without its own authorization"),
    Rule("rule:law.164.508-a-2-i-A", "45 CFR 164.508(a)(2)(i)(A)", "its originator may use a psychotherapy note for treatment"),
    Rule("rule:law.164.508-a-2-i-B", "45 CFR 164.508(a)(2)(i)(B)", "training under supervision may use a trainee's note"),
    Rule("rule:law.164.512-j-1-i", "45 CFR 164.512(j)(1)(i)", "a serious and imminent threat: one record, approved by a second"),
    Rule("rule:law.164.524-a-1", "45 CFR 164.524(a)(1)", "psychotherapy notes are outside the client's right of access"),
    Rule("rule:law.164.524-a", "45 CFR 164.524(a); GDPR 15", "clients read their own record"),
    Rule("rule:law.164.522-a", "45 CFR 164.522(a)(1)(vi)", "what was paid in full by oneself does not go to the plan"),
    Rule(
        "rule:law.164.526",
        "45 CFR 164.526",
        "a request to amend a record is made, answered and disagreed with; nothing is overwritten",
    ),
    Rule("rule:law.42cfr2-legal", "42 CFR Part 2, legal proceedings", "a TPO consent does not open a record to proceedings"),
    Rule("rule:law.42cfr2.32", "42 CFR 2.32", "a disclosure made by consent carries the notice"),
    Rule("rule:law.gdpr-7-3", "GDPR 7(3); 45 CFR 164.508(b)(5)", "withdrawing is as easy as giving"),
    Rule("rule:release.client-decides", "organisation rule", "the client decides who sees their alliance ratings"),
    Rule("rule:role.intake", "organisation rule", "intake keeps identities, consents and relationships, nothing clinical"),
    Rule("rule:role.relationships", "organisation rule", "supervisors and administrators make and end relationships"),
    Rule("rule:role.compliance", "organisation rule; 45 CFR 164.530(a)", "compliance sees names and evidence of consent"),
    Rule("rule:role.representative", "45 CFR 164.502(g)", "who acts for a client reads identity and consents, and signs"),
    Rule("rule:relationship.not-oneself", "organisation rule", "nobody gives themselves a relationship to a client"),
    Rule("rule:relationship.duty-to-document", "duty to document", "who treats may write, whatever the consents"),
    Rule("rule:relationship.evidence", "organisation rule", "who treats may see what the client agreed to"),
    Rule("rule:relationship.cosign", "organisation rule; supervision", "the client's supervisor co-signs"),
    Rule("rule:author.own-record", "organisation rule; duty to document", "an author keeps what they wrote"),
    Rule("rule:author.is-caller", "organisation rule", "nobody writes in another's name"),
    Rule("rule:consent.deny-by-default", "organisation rule", "what no active consent permits stays closed"),
    Rule("rule:consent.deny-overrides", "organisation rule", "one active consent that denies outweighs all that permit"),
    Rule("rule:glass.grant", "organisation rule; 42 CFR 2.51", "break-glass needs a grant made beforehand"),
    Rule("rule:job.registered", "organisation rule", "a job does what its row says: computed, seen by nobody"),
    Rule("rule:link.its-administration", "organisation rule", "a link answers its own administration"),
    Rule("rule:erasure.fence", "GDPR 17", "once an erasure has begun, nothing new is sealed in its classes"),
    Rule("rule:search.known-client", "organisation rule", "who may know a client may ask for the client's records"),
    Rule("rule:deny-by-default", "organisation rule", "what no rule permits stays closed"),
)
"""every rule that a verdict may rest on, by id"""

"""The FHIR R4 specification's Consent examples: what each must decide here, and why.

`own` is our example after the structure of the specification's `spec` (see fhir_examples/README.md). People: a therapist of the
client (Rivera), another practitioner (Okafor, who holds a relationship in these cases, so that consent alone decides), and
somebody whom the client names. The record is a progress note; `inside` is a day within the consent's validity.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.contracts.consent_policy import ConsentStatus

MARCH = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    own: str
    spec: str
    inside: datetime
    """a time at which it is valid, for the own example"""
    spec_inside: datetime
    """the same for the specification's"""
    therapist: bool
    """whether the treating therapist reads by it"""
    other: bool
    """whether another practitioner with a relationship does"""
    named: tuple[str, str] | None
    """`sub` of whom it names, in the own example and in the specification's; they hold no relationship"""
    named_reads: bool
    complete: bool
    """whether it becomes active once signed: only where its statements stand in a source"""
    why: str


def at(year: int, month: int = 6, day: int = 1, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


CASES = (
    Case("basic", "basic", MARCH, at(2015), False, False, None, False, True,
         "OPTIN, and the root names a validity alone. An authorization opens to whom it names (164.508(c)(1)(iii)), and this one "
         "names nobody: those who treat the client read by their consent to treatment, which it neither widens nor narrows."),
    Case("out", "Out", MARCH, at(2020), False, False, None, False, True,
         "OPTOUT naming only who keeps the data, which is this practice: all that is kept here is withheld."),
    Case("emergency", "Emergency", MARCH, at(2020), False, False, None, False, True,
         "Nothing for treatment. An emergency opens by a break-glass grant, which consents neither help nor hinder."),
    Case("grantor", "grantor", MARCH, at(2020), False, False, ("sister.haddad", "example"), True, True,
         "OPTOUT with an exception for one recipient: that person reads, nobody else."),
    Case("not-author", "notAuthor", MARCH, at(2020), False, False, None, False, True,
         "Under OPTIN an untyped root withholds what it names: what this practice keeps, which is all there is here."),
    Case("not-org", "notOrg", MARCH, at(2020), False, False, None, False, True,
         "A root typed deny naming this practice as recipient: everybody here."),
    Case("not-them", "notThem", MARCH, at(2020), False, False, ("t-okafor", "f204"), False, True,
         "Under OPTIN an untyped root withholds from the person it names; to the others it gives nothing of its own, "
         "since it names none of them."),
    Case("not-this", "notThis", MARCH, at(2020), False, False, None, False, True,
         "What is related to an order kept elsewhere cannot be compared here, and what cannot be compared widens a denial."),
    Case("not-time", "notTime", at(2025, 1, 15), at(2015, 1, 15), False, False, None, False, True,
         "Its words mean the time of the data, its element is the validity of the consent: by the element it is over since "
         "(dataPeriod would have withheld that month). While it lasts it names nobody, and opens nothing."),
    Case("label-grid", "pkb", MARCH, at(2020), False, False, None, False, False,
         "Nested provisions without a type, one of them for the label that the root permits: the reading that opens least."),
    Case("signature", "signature", MARCH, at(2016), False, False, ("t-okafor", "13"), False, False,
         "Permits only documents by an author and of a type that cannot be compared here: that empties a permit."),
    Case("smart-app", "smartonfhir", MARCH, datetime(2016, 6, 23, 7, 10, tzinfo=UTC), False, False, None, False, False,
         "Permits only prescriptions, which are not kept here; its validity in hours is kept to the second."),
)  # fmt: skip

TODAY = at(2030)
"""when those with an end are over"""
OVER = frozenset({"basic", "not-time", "signature", "smart-app"})
ACTIVE = ConsentStatus.ACTIVE

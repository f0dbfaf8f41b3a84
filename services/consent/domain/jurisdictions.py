"""What differs from one jurisdiction to the next, as rows with their source: never as branches of code.

`read` is the day on which the cited text, or a publication about it, was read for this row; None: from memory of the rule,
still to be read. `reviewer` stays empty until a lawyer has looked. A jurisdiction without a row gets no rule from here.
Engineering readings, not legal advice.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

_READ: Final = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Source:
    citation: str
    read: date | None = None
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class Majority:
    """People come of age there at `years`, on that birthday: since when, where the source says it."""

    jurisdiction: str
    """ISO 3166-1 or 3166-2 code"""
    years: int
    since: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class AloneRow:
    """A service to which a minor from `years` on may consent without anybody else."""

    jurisdiction: str
    service: str
    years: int
    since: date | None
    condition: str
    """what the professional finds and documents besides the age; empty: nothing"""
    source: Source


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of confidentiality that a client there hears of before therapy begins."""

    jurisdiction: str
    code: str
    says: str
    source: Source


@dataclass(frozen=True, slots=True)
class MinorAlone:
    """A consent that a minor gives alone: to which service, at which age. The age is checked and not kept."""

    service: str
    age: int


MAJORITY: Final[tuple[Majority, ...]] = (
    Majority("DE", 18, date(1975, 1, 1), Source("BGB § 2", _READ)),
    Majority("US-AL", 19, date(1975, 7, 22), Source("Ala. Code § 26-1-1", _READ)),
    Majority("US-CA", 18, date(1972, 3, 4), Source("Cal. Fam. Code §§ 6500-6502", _READ)),
    Majority("US-MS", 21, None, Source("Miss. Code § 1-3-27", _READ)),
    Majority("US-NE", 19, None, Source("Neb. Rev. Stat. § 43-2101")),
    Majority("US-WA", 18, None, Source("Wash. Rev. Code § 26.28.015(5)", _READ)),
)

MINORS_ALONE: Final[tuple[AloneRow, ...]] = (
    AloneRow(
        "US-CA",
        "outpatient_mental_health",
        12,
        date(2011, 1, 1),
        "mature enough to participate intelligently, in the opinion of the attending professional person",
        Source("Cal. Health & Safety Code § 124260; Cal. Fam. Code § 6924", _READ),
    ),
    AloneRow(
        "US-WA",
        "outpatient_mental_health",
        13,
        None,
        "",
        Source("Wash. Rev. Code § 71.34.530", _READ),
    ),
)

LIMITS: Final[tuple[Limit, ...]] = (
    Limit(
        "DE",
        "necessity",
        "a present danger to life, health or freedom that nothing milder averts",
        Source("StGB §§ 203, 34", _READ),
    ),
    Limit("DE", "planned_crimes", "certain grave crimes that can still be averted are reported", Source("StGB § 138", _READ)),
    Limit(
        "DE",
        "child_protection",
        "weighty signs of danger to a child may go to the youth office",
        Source("KKG § 4", _READ),
    ),
    Limit(
        "US-CA",
        "duty_to_protect",
        "a serious threat of physical violence against a reasonably identifiable victim",
        Source("Cal. Civ. Code § 43.92", _READ),
    ),
    Limit(
        "US-CA",
        "child_abuse",
        "a reasonable suspicion of child abuse or neglect is reported",
        Source("Cal. Penal Code §§ 11164-11174.3 (Child Abuse and Neglect Reporting Act)"),
    ),
)


def majority(jurisdiction: str, born: date) -> Majority | None:
    """The row by which somebody born that day comes of age; None without a sourced row."""
    rows = sorted((r for r in MAJORITY if r.jurisdiction == jurisdiction), key=lambda r: r.since or date.min, reverse=True)
    return next((r for r in rows if r.since is None or comes_of_age(born, r.years) >= r.since), None)


def comes_of_age(born: date, years: int) -> date:
    """The birthday; of somebody born on a 29 February the 1 March of a year without one."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def majority_instant(row: Majority, born: date) -> datetime:
    """When the birthday begins, in UTC."""
    return datetime.combine(comes_of_age(born, row.years), time.min, UTC)


def alone(jurisdiction: str, service: str) -> AloneRow | None:
    return next((r for r in MINORS_ALONE if (r.jurisdiction, r.service) == (jurisdiction, service)), None)


def limits(jurisdiction: str) -> tuple[Limit, ...]:
    return tuple(r for r in LIMITS if r.jurisdiction == jurisdiction)


def known() -> tuple[str, ...]:
    """Jurisdictions with any row."""
    return tuple(sorted({r.jurisdiction for table in (MAJORITY, MINORS_ALONE, LIMITS) for r in table}))

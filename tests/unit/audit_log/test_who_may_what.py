"""Every row that the gate decides by, written out: who may do what to which type, and the packs of law.

`who_may_what.txt` is there to be read: by a clinician, a privacy officer, a lawyer. A change of a row is a change of a line of
it; `WHO_MAY_WHAT=write` writes it anew, and each changed line is then looked at as what it is: a change of who may see what.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from services.audit_log.decision.domain.rules import tables
from services.audit_log.decision.domain.rules.packs import PACKS
from services.audit_log.decision.domain.rules.tables import Row

FILE = Path(__file__).with_suffix("").with_name("who_may_what.txt")


def words(values: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, values)))


def rows(title: str, table: Iterable[Row]) -> Iterator[str]:
    yield f"\n{title}"
    for row in table:
        for record_type in sorted(row.types):
            yield f"  {record_type}: {words(row.actions)} ({row.rule})"


def said(part: Any) -> str:
    """A row of a pack, what is empty in it left out."""
    shown = []
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, frozenset | tuple):
            value = words(value)
        if value not in ("", None, False):
            shown.append(f"{field.name}={value}")
    return "; ".join(shown)


def written() -> Iterator[str]:
    yield "Who may do what, by rows alone"
    for name in ("READING", "DISCLOSING", "WRITING", "LOOKING_UP", "AUTHOR_IS_CALLER"):
        yield f"{name.lower().replace('_', ' ')}: {words(getattr(tables, name))}"
    for role, table in tables.ROLE_ROWS.items():
        yield from rows(f"{role}, of every client", table)
    yield from rows("a record system that an administrator registered", tables.TRUSTED_SYSTEM_ROWS)
    yield from rows("a client, of their own", tables.CLIENT_ROWS)
    yield from rows("a representative whom nobody registered, where nobody is registered", tables.REPRESENTATIVE_ROWS)
    for power, table in tables.REPRESENTED_ROWS.items():
        yield from rows(f"a registered representative who may {power}", table)
    yield from rows("an author, of what they wrote", tables.AUTHOR_ROWS)
    yield from rows("a practitioner, of what is addressed to them", tables.ADDRESSEE_ROWS)
    yield from rows("a practitioner with a current relationship", tables.RELATIONSHIP_ROWS)
    yield from rows("who supervises the client's treatment", tables.SUPERVISION_ROWS)
    for name, job in tables.JOBS.items():
        may = words(f"{action} {record_type}" for action, record_type in job.may)
        yield f"\njob {name} of {job.service}, for {job.purpose} ({job.ground}), {job.per_minute} a minute\n  {may}"
    for pack in PACKS.values():
        yield f"\nlaw {pack.id}: {pack.title}"
        for kind in ("rows", "limits", "notices", "grounds", "duty_to_warn"):
            for part in getattr(pack, kind):
                yield f"  {kind}: {said(part)}"
        yield f"  beyond the organisation: {words(pack.beyond_organisation)}"
        yield f"  about others: {pack.about_others}"


def test_every_row_is_as_it_was_read_last() -> None:
    now = "\n".join(written()) + "\n"
    if os.environ.get("WHO_MAY_WHAT") == "write":
        FILE.write_text(now)
    assert now == FILE.read_text(), "somebody may do now what they might not, or the other way round: see this file's first lines"

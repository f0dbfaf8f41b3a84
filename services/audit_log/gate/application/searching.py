"""What a search tells: its entry and its answer are about the records that its caller may know of, as if there were no others
(ADR 0037)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from services.audit_log.decision.domain.question import Verdict
from services.audit_log.decision.domain.release import KEPT_BACK
from services.audit_log.gate.application.steps import Asked, Decided


def as_told(asked: Asked, decided: Decided) -> tuple[Asked, Decided]:
    """The search or export without what its caller may not know of, and without more than `most` of what is open to them.

    A client of whom nothing is left has the entry of a client of whom nothing was found.
    """
    most = asked.request.most
    kept = list(_told(decided.records, most if most else None))
    if asked.request.looked_up:
        kept = [n for n, verdict in enumerate(decided.records) if verdict.permitted]
    records, verdicts = [asked.records[n] for n in kept], [decided.records[n] for n in kept]
    left = {r.client_id for r in records}
    empty = [c for c in dict.fromkeys(r.client_id for r in asked.records) if c not in left and c in decided.searches]
    if asked.request.looked_up:
        empty = []
    if not (kept or empty or asked.request.subjects or asked.request.looked_up):
        return asked, decided  # what is refused whole has its entry
    request = msgspec.structs.replace(asked.request, subjects=(*asked.request.subjects, *empty))
    subjects = (*decided.subjects, *(decided.searches[c] for c in empty))
    return (
        replace(asked, request=request, records=tuple(records)),
        replace(decided, records=tuple(verdicts), subjects=subjects),
    )


def refused_in_lookup(asked: Asked, decided: Decided) -> tuple[Asked, Decided]:
    """Of the clients that a look-up found, those who are not the caller's to read."""
    kept = [n for n, verdict in enumerate(decided.records) if not verdict.permitted]
    return (
        replace(asked, records=tuple(asked.records[n] for n in kept)),
        replace(decided, records=tuple(decided.records[n] for n in kept), subjects=()),
    )


def is_told(verdict: Verdict) -> bool:
    """Whether the caller of a search may know of the record."""
    return verdict.permitted or (verdict.may_know and verdict.reason != KEPT_BACK)


def _told(verdicts: Sequence[Verdict], most: int | None) -> Iterator[int]:
    opened = 0
    for place, verdict in enumerate(verdicts):
        if opened == most:
            return
        if is_told(verdict):
            opened += verdict.permitted
            yield place

"""Boundary events and adverse effects as callers see them, and the patterns in a client's boundary events."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.session_notes.boundaries.domain.events import (
    AdverseContent,
    AdverseEffectNoted,
    AdverseEffectReviewed,
    BoundaryContent,
    BoundaryEventAdded,
    BoundaryEventNoted,
    BoundaryEventReviewed,
)
from services.session_notes.course.domain.events import of_type, read
from shared.contracts.course import CourseEvent
from shared.contracts.disclosure import RecordKey

OF_ONE_KIND: Final = 2
OF_ANY_KIND: Final = 4
RULE: Final = f"{OF_ONE_KIND} or more events of one kind, or {OF_ANY_KIND} or more of any kind, among those listed"
"""an organisation rule: a pattern is a reason to look, never a finding about a person"""


def boundary_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    noted = events[0]
    assert isinstance(noted, BoundaryEventNoted)
    content = read(noted.content, key)
    empty: dict[str, Any] = dict.fromkeys(BoundaryContent.model_fields)
    return {
        **(empty if content is None else content.model_dump(mode="json")),
        "additions": [_words(e, key) for e in of_type(events, BoundaryEventAdded)],
        "reviews": [_words(e, key) for e in of_type(events, BoundaryEventReviewed)],
    }


def adverse_view(events: Sequence[CourseEvent], key: RecordKey | None) -> dict[str, Any]:
    noted = events[0]
    assert isinstance(noted, AdverseEffectNoted)
    content = read(noted.content, key)
    empty: dict[str, Any] = dict.fromkeys(AdverseContent.model_fields)
    return {
        **(empty if content is None else content.model_dump(mode="json")),
        "reviews": [_words(e, key) for e in of_type(events, AdverseEffectReviewed)],
    }


def patterns(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of boundary events as callers see them: how many of each kind, and which of the counts are a reason to look."""
    kinds = Counter(str(item["kind"]) for item in items if item.get("kind") is not None)
    found = [{"kind": kind, "count": n} for kind, n in sorted(kinds.items()) if n >= OF_ONE_KIND]
    if sum(kinds.values()) >= OF_ANY_KIND:
        found.append({"kind": "any", "count": sum(kinds.values())})
    return {"counts": dict(sorted(kinds.items())), "patterns": found, "rule": RULE}


def _words(event: BoundaryEventAdded | BoundaryEventReviewed | AdverseEffectReviewed, key: RecordKey | None) -> dict[str, Any]:
    return {"words": read(event.words, key) or "", "by": event.by, "at": event.at}

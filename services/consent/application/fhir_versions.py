"""A consent's stream as FHIR versions: one for each time that somebody wrote to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.consent.application.streams import consent_stream, typed
from services.consent.domain.consent import Consent, evolve
from services.consent.domain.events import ConsentForm
from services.consent.domain.fhir import codes
from services.consent.domain.fhir.events import FhirSourceRecorded
from services.consent.domain.fhir.rendering import Version, render, render_erased, render_source
from shared.contracts.disclosure import RecordKey
from shared.eventstore.model import StoredEvent
from shared.eventstore.store import EventStore
from shared.eventstore.time_travel import History


@dataclass(frozen=True, slots=True)
class Written:
    """The consent as one write left it. Its number is the stream's version then."""

    state: Consent
    source: FhirSourceRecorded | None
    """as it was sent; None where it was made, or last amended, here"""
    last: StoredEvent

    @property
    def number(self) -> int:
        return self.state.version

    @property
    def meta(self) -> dict[str, Any]:
        """Who wrote it, and under which entry of the ledger."""
        found: dict[str, Any] = orjson.loads(self.last.meta)
        return found

    @property
    def categories(self) -> tuple[str, ...]:
        if self.source is not None:
            return self.source.categories
        system, code = codes.KINDS[self.state.form.kind].category
        return (f"{system}|{code}", f"{codes.KIND}|{self.state.form.kind}")

    def shown(self, tenant: str, now: datetime, key: RecordKey | None, *, erased: bool) -> dict[str, Any]:
        """The resource. Without a key only what is no word of it is shown."""
        version = Version(
            state=self.state,
            status=self.state.status(now),
            last_updated=self.last.recorded_at,
            tenant=tenant,
            sent_status=self.source.status if self.source is not None else None,
        )
        if key is None or erased:
            return render_erased(version, had_source=self.source is not None)
        if self.source is not None and self.source.dialect != "r5":
            return render_source(version, self.source.source.open(key))
        return render(version, self.state.form.grantor.open(key))


async def versions(store: EventStore, tenant: str, consent_id: UUID) -> list[Written]:
    """Oldest first; empty where the stream is. The last one is the consent as it stands."""
    return (await History(store, folded).now(tenant, consent_stream(consent_id))).state or []


def _together(one: StoredEvent, other: StoredEvent) -> bool:
    """Events of one append share its instant and its request, whatever entries of the ledger they stand under."""
    if one.recorded_at != other.recorded_at or one.meta == other.meta:
        return one.recorded_at == other.recorded_at
    first, second = orjson.loads(one.meta), orjson.loads(other.meta)
    return (first["sub"], first["request_id"]) == (second["sub"], second["request_id"])


def folded(stored: Sequence[StoredEvent]) -> list[Written]:
    found: list[Written] = []
    state: Consent | None = None
    source: FhirSourceRecorded | None = None
    before: StoredEvent | None = None
    for event in stored:
        loaded = typed(event)
        state = evolve(state, loaded)
        if isinstance(loaded, ConsentForm):
            source = None
        elif isinstance(loaded, FhirSourceRecorded):
            source = loaded
        if state is None:
            continue
        if before is not None and _together(before, event):
            found.pop()
        found.append(Written(state, source, event))
        before = event
    return found

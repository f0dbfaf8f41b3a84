"""What a snapshot saves (ADR 0076): an aggregate loaded from its whole stream, and from its snapshot and what follows it."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from benchmarks.events_world import TENANT, opened
from benchmarks.table import Figure, write
from infra.contracts.catalogue import written_today
from infra.contracts.golden import file_of
from services.consent.application.streams import load_consent
from services.session_notes.notes.application.notes import SNAPSHOTS, fold
from services.session_notes.notes.domain.notes import NoteContent, ProgressNoteDrafted, ProgressNoteRevised
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.model import NewEvent, StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.sealing.event import seal
from shared.sealing.field import Sealed
from shared.service import clock
from tests.support.postgres import running_postgres

ROUNDS = 100
SAVES = (1, 5, 24, 100, 500)
"""versions of a draft that its editor saves as it is typed; 2 kB of text"""
TALKS = 60
"""of one consent: one a month for five years"""


async def note_of(store: PostgresEventStore, saves: int) -> dict[str, UUID]:
    """Saved as the service does: each save loads the note first, and takes a snapshot where one is due."""
    note, client = uuid4(), uuid4()
    key = RecordKey(record_id=str(note), key_class=KeyClass.PROGRESS_NOTE, kid="bench", key=os.urandom(32))
    text = Sealed(NoteContent(format=NoteFormat.NARRATIVE, sections={"narrative": "They spoke of the week. " * 85}))
    stream, same = f"progress-note/{note}", {"client_id": client, "note_id": note, "content": text, "by": "lena.marsh"}
    for save in range(saves):
        event = (
            ProgressNoteRevised(**same, at=clock.now())
            if save
            else ProgressNoteDrafted(**same, session_id=uuid4(), at=clock.now())
        )
        event_id = uuid4()
        data = seal(event, tenant=TENANT, event_id=event_id, key=key, random=os.urandom)
        new = NewEvent(event_id, event.TYPE, event.SCHEMA_VERSION, data)
        loaded = (await SNAPSHOTS.load(store, TENANT, {stream: client})).get(stream)
        taken = SNAPSHOTS.taken(TENANT, stream, client, loaded, [new]) if loaded is not None else ()
        await store.append(TENANT, [StreamAppend(stream, save, [new])], statements=taken)
    return {stream: client}


async def consent_of(store: PostgresEventStore) -> UUID:
    def golden(kind: str) -> tuple[int, Any]:
        (written,) = [w for w in written_today() if w.type == f"consent.{kind}" and w.event is not None]
        kept = json.loads(file_of(written).read_text())
        return kept["schema_version"], kept["data"]

    kinds = ["consent-proposed", "consent-signed", "consent-activated", *["consent-explained"] * TALKS]
    consent_id, events = uuid4(), []
    for kind in kinds:
        version, data = golden(kind)
        events.append(NewEvent(uuid4(), f"consent.{kind}", version, json.dumps(data).encode()))
    await store.append(TENANT, [StreamAppend(f"consent/{consent_id}", 0, events)])
    return consent_id


async def timed(*works: Callable[[], Awaitable[object]]) -> list[list[float]]:
    """Milliseconds of each work in each of `ROUNDS`, one after another, so that what disturbs one disturbs all."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, own in zip(works, taken, strict=True):
            begun = perf_counter()
            await work()
            own.append((perf_counter() - begun) * 1000)
    return taken


async def figures() -> list[Figure]:
    found = []
    with running_postgres() as server:
        urls = (await server.make_databases("consent"))["consent"]
        async with opened(urls) as store:
            for saves in SAVES:
                streams = await note_of(store, saves)
                (stream,) = streams

                async def whole(stream: str = stream) -> None:
                    fold(await store.read_stream(TENANT, stream))

                async def snapshot(streams: dict[str, UUID] = streams) -> None:
                    await SNAPSHOTS.load(store, TENANT, streams)

                before, after = await timed(whole, snapshot)
                found.append(
                    Figure(
                        f"a note of {saves} saves loaded",
                        round(median(after), 2),
                        "ms",
                        "from the whole stream",
                        round(median(before), 2),
                        round(median(before) / median(after), 2),
                        samples=tuple(after),
                        peer_samples=tuple(before),
                    )
                )
            consent_id = await consent_of(store)
            (took,) = await timed(lambda: load_consent(store, TENANT, consent_id))
            found.append(Figure(f"a consent of {TALKS} talks loaded, whole", round(median(took), 2), "ms", samples=tuple(took)))
    return found


if __name__ == "__main__":
    write("snapshots", asyncio.run(figures()))

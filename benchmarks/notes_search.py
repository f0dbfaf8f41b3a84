"""A search by word in 2,000 notes of one therapist, 40 clients, through gate, ledger and database: for `make bench-sealing`."""

import asyncio
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.table import Figure
from tests.integration.session_notes.world import SOAP, Clinic, running_world
from tests.support.postgres import running_postgres

CLIENTS, NOTES_EACH, ROUNDS, WRITERS = 40, 50, 7, 16
LONG = {name: f"{text} " + "They spoke of the week and of what it asked of them. " * 9 for name, text in SOAP.items()}
"""about 2 kB a note"""


async def figures() -> list[Figure]:
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        async with running_world(server, Path(folder)) as world:
            return await _measure(world.clinic())


async def _measure(clinic: Clinic) -> list[Figure]:
    turn = asyncio.Semaphore(WRITERS)

    async def write(session: str) -> None:
        async with turn:
            await clinic.progress(session, sections=LONG)

    for _ in range(CLIENTS):
        await clinic.opened()
        session = await clinic.session()
        await asyncio.gather(*(write(session) for _ in range(NOTES_EACH)))
    await clinic.progress(session, sections={**LONG, "plan": "Kingfisher."})
    took = []
    for _ in range(ROUNDS):
        begun = perf_counter()
        answer = await clinic.marsh.post("/v1/notes/search", {"words": "kingfisher"}, want=200)
        took.append(perf_counter() - begun)
        assert (len(answer.json["items"]), answer.json["searched"], len(answer.entries)) == (1, CLIENTS * NOTES_EACH, CLIENTS)
    reason = "the gate, the ledger's entries, the database and this client share the process: more than a service does"
    return [
        Figure("search by word in 2,000 notes of 40 clients", round(median(took), 2), "s", reason=reason, samples=tuple(took))
    ]

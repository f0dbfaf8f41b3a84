"""Sealing an event of three fields (2.7 kB) beside its peers, in one run: `make bench-sealing`.

Ours is the way that services take, from a typed event to its stored bytes and back to typed values, the record's key derived
each time; peers take a dictionary and give strings back.
Rounds are interleaved, so that the machine's drift meets all sides alike; medians of processor time are told.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import process_time
from typing import Annotated, ClassVar, Protocol
from uuid import UUID, uuid4

from benchmarks import notes_search
from benchmarks.sealing_peers import BareGcm, Fields, Jwe, LibraryAlone, PlainLoop
from benchmarks.table import Figure, compared, write
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.domain.keys import extract, record_key
from services.audit_log.ledger.application.ports import KeyWanted
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.sealing.event import Event, EventTypes, seal
from shared.sealing.field import Sealed
from tests.support.postgres import running_postgres

ROUNDS, EVENTS = 31, 300
SIZES = {"assessment": 1_800, "plan": 700, "objective": 200}
"""characters of each field: 2.7 kB"""
TENANT, CLIENT, NOTE, EVENT_ID, KID = "practice", UUID(int=2), UUID(int=1), UUID(int=3), "k_" + "a" * 22
DATA_KEY = bytes(range(32))
WHERE_THE_REST_GOES = "a key of its own for each value (HKDF-SHA-512, a fresh AES key schedule), its commitment, and typed events"
WHY_NOT_JWE = "`dir` uses one key for all values and commits to none; Cobblestone derives a key and a commitment for each"
STEADY_SECONDS, READS_A_SECOND = 300, 20


class Written(Event):
    TYPE: ClassVar[str] = "bench.written"
    RECORD: ClassVar[str] = "note_id"
    note_id: UUID
    assessment: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]
    plan: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]
    objective: Annotated[Sealed[str], KeyClass.PROGRESS_NOTE]


TYPES = EventTypes(Written)
WORDS = {name: "w" * size for name, size in SIZES.items()}


class Side(Protocol):
    def seal(self, fields: Fields) -> bytes: ...

    def open(self, fields: Fields, stored: bytes) -> list[str]: ...


class Ours:
    def __init__(self) -> None:
        self._extracted = extract(DATA_KEY)
        self._event = Written(
            client_id=CLIENT,
            note_id=NOTE,
            assessment=Sealed(WORDS["assessment"]),
            plan=Sealed(WORDS["plan"]),
            objective=Sealed(WORDS["objective"]),
        )

    def _key(self) -> RecordKey:
        key = record_key(
            self._extracted, tenant=TENANT, client_id=str(CLIENT), key_class=KeyClass.PROGRESS_NOTE, record_id=str(NOTE)
        )
        return RecordKey(record_id=str(NOTE), key_class=KeyClass.PROGRESS_NOTE, kid=KID, key=key)

    def seal(self, _: Fields) -> bytes:
        return seal(self._event, tenant=TENANT, event_id=EVENT_ID, key=self._key(), random=os.urandom)

    def open(self, _: Fields, stored: bytes) -> list[str]:
        event = TYPES.load(tenant=TENANT, event_type=Written.TYPE, schema_version=1, event_id=EVENT_ID, data=stored)
        assert isinstance(event, Written)
        key = self._key()
        return [event.assessment.open(key), event.plan.open(key), event.objective.open(key)]


def a_second(work: Callable[[], object]) -> float:
    begun = process_time()
    for _ in range(EVENTS):
        work()
    return EVENTS / (process_time() - begun)


def ciphers() -> list[Figure]:
    fields = Fields(
        {"client_id": str(CLIENT), "note_id": str(NOTE)},
        (TENANT, str(CLIENT), Written.TYPE, "1", str(EVENT_ID)),
        str(NOTE),
        KID,
        WORDS,
    )
    sides: dict[str, Side] = {
        "ours": Ours(),
        "loop": PlainLoop(DATA_KEY),
        "gcm": BareGcm(DATA_KEY),
        "jwe": Jwe(DATA_KEY),
        "alone": LibraryAlone(DATA_KEY),
    }
    stored = {name: side.seal(fields) for name, side in sides.items()}
    for name, side in sides.items():
        assert side.open(fields, stored[name]) == list(WORDS.values()), name
    sealed: dict[str, list[float]] = {name: [] for name in sides}
    opened: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            sealed[name].append(a_second(partial(side.seal, fields)))
            opened[name].append(a_second(partial(side.open, fields, stored[name])))
    peers: tuple[tuple[str, str, str, float | None], ...] = (
        ("loop", "a plain Cobblestone loop", version("cryptography"), 0.95),
        ("gcm", "bare AES-256-GCM, cached key", version("cryptography"), 0.35),
        ("jwe", "joserfc JWE dir/A256GCM", version("joserfc"), 3.0),
        ("alone", "the library's derivations and ciphers alone", version("cryptography"), None),
    )
    made = []
    for what, samples in (("sealed", sealed), ("opened", opened)):
        for name, peer, release, goal in peers:
            figure = compared(
                f"events of 3 sealed fields (2.7 kB) {what} a second",
                "1/s",
                samples["ours"],
                peer=peer,
                peer_version=release,
                peer_samples=samples[name],
                at_least=goal,
            )
            if name == "gcm":
                figure = replace(figure, reason=f"the rest goes into {WHERE_THE_REST_GOES}")
            if name == "jwe" and not figure.met:
                floor = median(samples["alone"]) / median(samples["jwe"])
                figure = replace(figure, reason=f"{WHY_NOT_JWE}; that alone, without a byte of JSON, does {floor:.1f} × JWE")
            made.append(figure)
    return made


class Counted(FileKms):
    unwraps = 0

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        self.unwraps += 1
        return await super().unwrap(blob, context)


async def steady_reading() -> Figure:
    """One client's notes read all the time, on a clock that runs through five minutes."""
    moment = [datetime(2026, 3, 2, 12, tzinfo=UTC)]
    with running_postgres() as server, tempfile.TemporaryDirectory() as folder:
        urls = (await server.make_databases("keyring"))["keyring"]
        kms = Counted(Path(folder) / "kms.json", environment="development", random=os.urandom)
        keyring = PostgresKeyring(urls, kms, now=lambda: moment[0], random=os.urandom, new_id=uuid4)
        await keyring.open()
        try:
            client = str(uuid4())
            key = await keyring.new_record_key(TENANT, client, KeyClass.PROGRESS_NOTE, str(uuid4()))
            for _ in range(STEADY_SECONDS):
                moment[0] += timedelta(seconds=1)
                wanted = [KeyWanted(client, KeyClass.PROGRESS_NOTE, str(uuid4()), key.kid)]
                await asyncio.gather(*(keyring.record_keys(TENANT, wanted) for _ in range(READS_A_SECOND)))
        finally:
            await keyring.close()
        await server.drop_databases()
    a_minute = kms.unwraps / (STEADY_SECONDS / 60)
    return Figure(
        f"KMS calls a client, class and minute, at {READS_A_SECOND} reads a second",
        a_minute,
        "1/min",
        goal="≤ 1",
        met=a_minute <= 1,
    )


def main() -> None:
    write("sealing", [*ciphers(), asyncio.run(steady_reading()), *asyncio.run(notes_search.figures())])


if __name__ == "__main__":
    main()

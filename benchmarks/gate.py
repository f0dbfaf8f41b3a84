"""`make bench-gate`: disclosures, notes read and created through the gate, one process a service, real PostgreSQL and Kafka.

Everything runs on this machine, the load generator too. The peer (benchmarks/peer.py) runs in the same minutes on the same
PostgreSQL: the ratio is what consent, ledger and sealing cost.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.load import Load, load
from benchmarks.table import Figure, write
from infra.kafka.launcher import LocalKafka
from infra.kafka.topics import create_topics
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType, ServiceName
from shared.gate.client import HttpGate
from shared.identity.service_keys import ServiceKeys
from shared.messaging.kafka_settings import KafkaSettings
from shared.service import clock
from tests.e2e.processes import ROOT, Fleet
from tests.e2e.rest import Rest
from tests.e2e.story import Story
from tests.support.ports import free_port
from tests.support.postgres import Postgres, running_postgres

CALLERS = 16
COUNT = int(os.environ.get("BENCH_COUNT", "4000"))
ROUNDS = 3
SECTIONS = {"narrative": "A quiet hour. " * 60}


async def serve_peer(dsn: str) -> tuple[subprocess.Popen[bytes], str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peer:app", "--port", str(port), "--log-level", "warning"]
    peer = subprocess.Popen(  # noqa: ASYNC220
        [*command, "--loop", "uvloop", "--http", "httptools"], cwd=ROOT, env={**os.environ, "PEER_DATABASE": dsn}
    )
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(url + "/openapi.json"):
                    return peer, url
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise RuntimeError("the peer did not start")


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """User and system time of each process so far (Linux)."""
    tick, found = os.sysconf("SC_CLK_TCK"), {}
    for name, pid in pids.items():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / tick
    return found


@contextmanager
def cpu_of(pids: dict[str, int], label: str, requests: int) -> Iterator[None]:
    before, begun = cpu_seconds(pids), perf_counter()
    yield
    seconds = perf_counter() - begun
    used = {name: after - before[name] for name, after in cpu_seconds(pids).items()}
    shares = ", ".join(f"{n} {u / seconds:.0%} ({u / requests * 1e6:.0f} µs each)" for n, u in used.items() if u > 0.01)
    print(f"  cpu while {label}: {shares}")


async def measure(postgres: Postgres, kafka: LocalKafka, folder: Path) -> list[Figure]:
    databases = await postgres.make_databases("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
    peer_urls = (await postgres.make_databases("peer"))["peer"]
    await create_topics(KafkaSettings(bootstrap=kafka.bootstrap), partitions=3)
    peer, peer_url = await serve_peer(peer_urls.owner)
    connector = aiohttp.TCPConnector(limit=CALLERS)
    try:
        async with Fleet(folder, databases, kafka.bootstrap) as fleet, aiohttp.ClientSession(connector=connector) as session:
            rest = Rest(session, fleet.origin, fleet.issuer.mint, "bench")
            story = Story(rest)
            await story.consent_is_given()
            visit = await story.session(3)
            notes: list[str] = []

            async def create(_: int) -> None:
                body = {"format": "narrative", "sections": SECTIONS}
                notes.append((await story.marsh.post(f"/v1/sessions/{visit}/progress-notes", body)).id)

            async def read(number: int) -> None:
                await story.marsh.get(f"/v1/notes/{notes[number % len(notes)]}")

            peer_notes: list[str] = []

            async def peer_create(_: int) -> None:
                async with session.post(peer_url + "/notes", json={"sections": SECTIONS}) as answer:
                    peer_notes.append((await answer.json())["id"])

            async def peer_read(number: int) -> None:
                async with session.get(f"{peer_url}/notes/{peer_notes[number % len(peer_notes)]}") as answer:
                    await answer.read()

            gate = gate_of(fleet)

            async def disclose(number: int) -> None:
                record = RecordRef(
                    record_id=notes[number % len(notes)], client_id=story.told.client_id, record_type=RecordType.PROGRESS_NOTE
                )
                request = DisclosureRequest(
                    tenant=rest.tenant,
                    action=Action.READ,
                    caller=Caller(token=story.marsh.token),
                    request_id="bench",
                    records=(record,),
                )
                assert (await gate.disclose(request)).keys

            pids = fleet.pids()
            found: dict[str, list[Load]] = {}
            for turn in range(ROUNDS):
                for label, work, count in (
                    ("created through the gate", create, COUNT // 4),
                    ("created by the peer", peer_create, COUNT // 2),
                    ("read through the gate", read, COUNT // 2),
                    ("read by the peer", peer_read, COUNT),
                    ("disclosures", disclose, COUNT),
                ):
                    with cpu_of(pids, label, count):
                        one = await load(work, callers=CALLERS, count=count)
                    print(f"round {turn + 1}: {label}: {one.per_second:,.0f}/s, p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms")
                    found.setdefault(label, []).append(one)
            await gate.close()
            return figures(found)
    finally:
        peer.terminate()
        peer.wait()


def gate_of(fleet: Fleet) -> HttpGate:
    """The gate as session_notes asks it."""
    seed = bytes.fromhex((fleet.folder / f"{ServiceName.SESSION_NOTES}.seed").read_text())
    return HttpGate(
        fleet.url(ServiceName.AUDIT_LOG),
        ServiceKeys.from_seed(ServiceName.SESSION_NOTES, seed),
        fleet.directory(),
        now=clock.now,
        random=clock.random,
    )


def median(loads: list[Load], attribute: str) -> float:
    return float(sorted(getattr(one, attribute) for one in loads)[len(loads) // 2])


def figures(found: dict[str, list[Load]]) -> list[Figure]:
    made: list[Figure] = []
    for what, peer in (("created", True), ("read", True), ("disclosures", False)):
        label = what if what == "disclosures" else f"{what} through the gate"
        value = median(found[label], "per_second")
        peer_value = median(found[f"{what} by the peer"], "per_second") if peer else None
        name = "disclosures (decide, record durably, release)" if what == "disclosures" else f"notes {what} through the gate"
        made.append(
            Figure(
                name,
                round(value, 1),
                "1/s",
                "FastAPI + asyncpg, one plain row" if peer else None,
                round(peer_value, 1) if peer_value else None,
                round(value / peer_value, 3) if peer_value else None,
            )
        )
        for quantile in ("p50_ms", "p99_ms"):
            made.append(Figure(f"{name}, {quantile[:3]} at {CALLERS} callers", round(median(found[label], quantile), 2), "ms"))
    return made


async def main() -> None:
    with running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        kafka = await asyncio.to_thread(LocalKafka().start)
        try:
            write("gate", await measure(postgres, kafka, Path(folder)))
        finally:
            await asyncio.to_thread(kafka.close)


if __name__ == "__main__":
    uvloop.run(main())

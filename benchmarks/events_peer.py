"""The peer's side: the `eventsourcing` package on PostgreSQL. Runs in an environment of its own (benchmarks/events_package.py),
so it imports nothing of this project. Prints one JSON answer.

    python events_peer.py append <writers> <seconds>      single-event appends a second, from threads
    python events_peer.py fill <count>                    typed events into the log
    python events_peer.py replay <page>                   seconds to read the whole log into typed events, and how many
"""

import json
import os
import sys
import threading
from importlib.metadata import version
from time import perf_counter
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent


class Written(Aggregate.Event):  # type: ignore[misc]
    client_id: UUID
    record_id_: UUID
    words: str


def application() -> "Application[UUID]":
    environment = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": os.environ["PGDATABASE"],
        "POSTGRES_HOST": os.environ["PGHOST"],
        "POSTGRES_PORT": os.environ["PGPORT"],
        "POSTGRES_USER": os.environ["PGUSER"],
        "POSTGRES_PASSWORD": os.environ["PGPASSWORD"],
        "POSTGRES_POOL_SIZE": "16",
        "POSTGRES_MAX_OVERFLOW": "4",
        "POSTGRES_ENABLE_DB_FUNCTIONS": os.environ.get("PEER_DB_FUNCTIONS", "n"),
    }
    return Application(env=environment)


def append(app: "Application[UUID]", writers: int, seconds: float) -> float:
    """At the recorder: ready bytes, nothing to encode, as on the other side."""
    state, counts, ready = b"w" * 1024, [0] * writers, threading.Barrier(writers + 1)

    def write(number: int) -> None:
        originator, place = uuid4(), 0
        app.recorder.insert_events([StoredEvent(originator, place, "bench:Written", state)])
        ready.wait()
        end = perf_counter() + seconds
        while perf_counter() < end:
            place += 1
            app.recorder.insert_events([StoredEvent(originator, place, "bench:Written", state)])
        counts[number] = place

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = perf_counter()
    for thread in threads:
        thread.join()
    return sum(counts) / (perf_counter() - begun)


def fill(app: "Application[UUID]", count: int) -> int:
    page = 50  # larger ones stall in the driver
    for begin in range(0, count, page):
        originator = uuid4()
        events = [
            Written(
                originator_id=originator,
                originator_version=n + 1,
                timestamp=Aggregate.Event.create_timestamp(),
                client_id=uuid4(),
                record_id_=uuid4(),
                words="w" * 880,
            )
            for n in range(min(page, count - begin))
        ]
        app.recorder.insert_events([app.mapper.to_stored_event(event) for event in events])
    return count


def replay(app: "Application[UUID]", page: int) -> tuple[float, int]:
    begun, after, count = perf_counter(), 0, 0
    while notifications := app.recorder.select_notifications(start=after + 1, limit=page):
        for notification in notifications:
            app.mapper.to_domain_event(notification)
        after = notifications[-1].id
        count += len(notifications)
    return perf_counter() - begun, count


def main() -> None:
    what, *numbers = sys.argv[1:]
    app = application()
    answer: object
    if what == "append":
        answer = append(app, int(numbers[0]), float(numbers[1]))
    elif what == "fill":
        answer = fill(app, int(numbers[0]))
    else:
        answer = replay(app, int(numbers[0]))
    app.close()
    print(json.dumps({"answer": answer, "version": version("eventsourcing")}))


if __name__ == "__main__":
    main()

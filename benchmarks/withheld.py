"""`make bench-withheld`: how much of what is withheld can be told by how long an answer takes.

Clients of one practice are alike but for what is withheld from the caller: none, one, ten or a hundred records. The same lists
are asked for, one client after the other, so that whatever else the machine does falls on all. Told is the extra time, and in how
many of a hundred guesses by one answer each a listener would be right who calls the slower of two clients the one with more
(50: no better than a coin).
"""

import asyncio
import random
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.table import Figure, write
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Person, Rest
from tests.e2e.surface import Clinic
from tests.support.postgres import server_directory

HIDDEN, ROUNDS, WARM = (0, 1, 10, 100), 400, 40
SHOWN = 5
"""records of each client that the caller may see"""


async def with_notes(rest: Rest, hidden: int) -> Clinic:
    """Progress notes that a colleague may read, and so many psychotherapy notes that they may not know of."""
    clinic = await Clinic(rest).open()
    await clinic.relate(clinic.okoye, "care_team")
    for _ in range(SHOWN):
        await clinic.progress()
    path = f"/v1/sessions/{await clinic.held()}/psychotherapy-notes"
    for _ in range(hidden):
        await clinic.marsh.post(path, {"sections": {"process": "An image of a lighthouse."}})
    return clinic


async def with_ratings(rest: Rest, hidden: int) -> Clinic:
    """A client who withholds ratings, with so many answered. What was asked for is to be seen; it is as much for all."""
    clinic = await Clinic(rest).open()
    await clinic.client.put(f"/v1/clients/{clinic.client_id}/alliance/release", {"therapist": "withheld"})
    asked = [(await clinic.asked()).id for _ in range(max(HIDDEN))]
    for one in asked[:hidden]:
        await clinic.client.post(f"/v1/administrations/{one}/responses", {"answers": {str(i): 4 for i in range(1, 13)}})
    return clinic


async def times(session: aiohttp.ClientSession, people: list[Person], paths: list[str]) -> list[list[float]]:
    """Milliseconds of each path, in rounds whose order is drawn anew."""
    found: list[list[float]] = [[] for _ in paths]
    for turn in range(WARM + ROUNDS):
        for place in random.sample(range(len(paths)), len(paths)):
            person = people[place]
            headers = {"Authorization": f"Bearer {person.token}"}
            begun = perf_counter()
            async with session.get(person.rest.origin(paths[place]) + paths[place], headers=headers) as answer:
                await answer.read()
                assert answer.status == 200, answer.status
            if turn >= WARM:
                found[place].append((perf_counter() - begun) * 1_000)
    return found


def guessed(less: list[float], more: list[float]) -> float:
    """Of a hundred guesses by one answer of each, how many are right."""
    ordered = sorted([(t, 0) for t in less] + [(t, 1) for t in more])
    below, right = 0, 0
    for _, is_more in ordered:
        right, below = (right + below, below) if is_more else (right, below + 1)
    return 100 * right / (len(less) * len(more))


def figures(what: str, found: list[list[float]]) -> list[Figure]:
    none = found[0]
    rows = [Figure(f"{what}, nothing withheld", round(median(none), 2), "ms")]
    for hidden, one in zip(HIDDEN[1:], found[1:], strict=True):
        rows.append(
            Figure(
                f"{what}, {hidden} withheld",
                round(median(one), 2),
                "ms",
                peer="nothing withheld",
                peer_value=round(median(none), 2),
                ratio=round(median(one) / median(none), 3),
                reason=f"{guessed(none, one):.0f} of 100 guesses by one answer each are right",
            )
        )
    return rows


async def main(url: str, mint: Callable[..., str]) -> list[Figure]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        rest = Rest(session, url, mint, "bench-withheld")
        noted = [await with_notes(rest, hidden) for hidden in HIDDEN]
        rated = [await with_ratings(rest, hidden) for hidden in HIDDEN]
        await asyncio.sleep(5)  # prompts are made
        lists = (
            ("notes of a client", [c.okoye for c in noted], [f"/v1/notes?client_id={c.client_id}" for c in noted]),
            (
                "a client's course",
                [c.marsh for c in rated],
                [f"/v1/clients/{c.client_id}/alliance?instrument=wai-sr" for c in rated],
            ),
            (
                "administrations of a client",
                [c.marsh for c in rated],
                [f"/v1/administrations?client_id={c.client_id}&limit=20" for c in rated],
            ),
            ("the next session", [c.marsh for c in rated], [f"/v1/clients/{c.client_id}/next-session" for c in rated]),
        )
        return [one for what, who, paths in lists for one in figures(what, await times(session, who, paths))]


if __name__ == "__main__":
    with server_directory() as folder:
        running = EmbeddedProcess(folder)
        running.start()
        try:
            write("withheld", uvloop.run(main(running.url, running.mint)))
        finally:
            running.stop()
    sys.exit(0)

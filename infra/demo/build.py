"""The six worked courses, made in the background of `make run`, once; a second start finds them."""

import json
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import aiohttp

from infra.demo.caller import Caller, DemoFailed
from infra.demo.courses.every import COURSES
from infra.demo.play import Played, play_all
from infra.progress import Progress


async def worked_courses(url: str, file: Path) -> None:
    """Says how far it is, and when it is done. What cannot be made is told, and ends nothing else."""
    if file.exists():
        return
    progress = Progress(sum(len(course.meetings) for course in COURSES), "worked courses")
    started = monotonic()
    async with aiohttp.ClientSession() as session:
        caller = Caller(session, url)
        try:
            played = await play_all(caller, COURSES, progress.step)
        except (DemoFailed, aiohttp.ClientError, OSError) as error:
            print(f"the worked courses were not finished: {error}. Remove the data folder to try again", flush=True)
            return
    progress.close()
    file.write_text(json.dumps([asdict(one) for one in played]))
    print(f"six worked courses are there ({caller.calls} calls, {monotonic() - started:.0f} s): make tour", flush=True)


def kept(file: Path) -> list[Played]:
    """FileNotFoundError where they are not made yet."""
    return [Played(**one) for one in json.loads(file.read_text())]

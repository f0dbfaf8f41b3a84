"""`python -m infra.tour` (`make tour`): a walk through one worked course of the running demo, in the terminal.

It makes the calls that a program would make, as several people, and shows what each of them may see. `URL` and `DATA_DIR` as for
`make run`. Exit code 1 where no demo with worked courses runs there.
"""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp

from infra.demo.build import kept
from infra.demo.caller import Caller, DemoFailed
from infra.demo.courses.psychodynamic import COURSE
from infra.tour.walk import walk


async def main() -> int:
    file = Path(os.environ.get("DATA_DIR", ".data")) / "courses.json"
    try:
        (played,) = (one for one in kept(file) if one.key == COURSE.key)
    except FileNotFoundError:
        print(
            "no worked courses yet: start `make run`, wait for its line 'six worked courses are there', try again",
            file=sys.stderr,
        )
        return 1
    url = os.environ.get("URL", f"http://127.0.0.1:{os.environ.get('PORT', '8100')}")
    async with aiohttp.ClientSession() as session:
        try:
            async for line in walk(Caller(session, url), COURSE, played):
                print(line, flush=True)
        except (DemoFailed, aiohttp.ClientError, OSError) as error:
            print(f"no demo answers at {url} ({type(error).__name__}): start `make run`", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

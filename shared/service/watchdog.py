"""Ends a process whose event loop stands still for ten seconds, so that whoever runs it (compose, systemd) starts it again.

A loop that stands answers nobody and hears no SIGTERM. Two parts look at it from outside, because each misses what the other
sees:

- A thread counts the loop's beats. It writes one clear line and every thread's place in the code, then ends the process.
- `faulthandler` waits in C two seconds longer. It needs no interpreter lock, which a regular expression or another call into C
  may hold for ever. It writes `Timeout (0:00:12)!` and the places, then ends the process.

The places are files, lines and functions, never values.
"""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

STANDS_SECONDS: Final = 10
LONGER_SECONDS: Final = 2
BEATS_PER_SECOND: Final = 2
_LOOKS_PER_SECOND: Final = 4
EXIT_CODE: Final = 1
_log = logging.getLogger("watchdog")


@asynccontextmanager
async def watched(seconds: int = STANDS_SECONDS) -> AsyncIterator[None]:
    """The running loop is watched inside. `seconds`: after so many without a beat the process ends with code 1."""
    dog = _Watchdog(seconds)
    beating = asyncio.create_task(dog.beat(), name="watchdog")
    dog.start()
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        dog.stop()


class _Watchdog:
    def __init__(self, seconds: int) -> None:
        self._seconds, self._beats, self._ended = seconds, 0, threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._end_process_when_event_loop_stands_still, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        faulthandler.cancel_dump_traceback_later()

    async def beat(self) -> None:
        while True:
            self._beats += 1
            faulthandler.dump_traceback_later(self._seconds + LONGER_SECONDS, exit=True, file=sys.stderr)
            await asyncio.sleep(1 / BEATS_PER_SECOND)

    def _end_process_when_event_loop_stands_still(self) -> None:
        """Counts its own looks, so that a machine that slept is not taken for a loop that stands."""
        known, silent = -1, 0
        while not self._ended.wait(1 / _LOOKS_PER_SECOND):
            known, silent = self._beats, silent + 1 if self._beats == known else 0
            if silent >= self._seconds * _LOOKS_PER_SECOND:
                _log.critical("the event loop has stood still for %s s: this process ends, to be started again", self._seconds)
                faulthandler.dump_traceback(file=sys.stderr)
                os._exit(EXIT_CODE)

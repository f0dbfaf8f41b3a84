"""Reports and verifications outside the gate's process: one worker at a time, each job in a fresh process (ADR 0029).

The gate's loop starts the process, waits, and hands the finished file out. It kills the process of a job that is given up: the
caller has gone, the service stops, or the time is over.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from services.audit_log.ledger.application.ledger_view import NotYetSigned
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.application.reports import Bundle, Order
from services.audit_log.ledger.application.turns import Busy, Limits, Place, Turns
from services.audit_log.ledger.domain.verification import Report
from services.audit_log.reports.adapters.worker_job import Fault, Job, Result
from services.audit_log.reports.application.exporting import TooLarge, TooMany
from shared.service.leaving import Leaves, Leaving

JOB_SECONDS: Final = 1_800
"""after which a job is given up: a million rows take some minutes"""
LEAST_BYTES: Final = 1 << 20
_ROOT: Final = Path(__file__).parents[4]


@dataclass(frozen=True, slots=True)
class Disk:
    folder: Path
    """for bundles while they are made and fetched; files there have no name, and go with the process"""
    most_bytes: int
    """of all bundles together"""
    font: Path | None = None


class WorkerProcesses:
    """Implements `Reports`."""

    def __init__(
        self,
        database: str,
        anchors: Path,
        vkeys: Callable[[str], Sequence[str]],
        disk: Disk,
        limits: Limits | None = None,
        *,
        leaving: Leaving | None = None,
    ) -> None:
        """`database`: DSN of the role `app`; `vkeys(tenant)`: whose signatures count, newest first."""
        self._process = leaving or Leaving()
        self._database, self._anchors, self._vkeys, self._disk = database, anchors, vkeys, disk
        self._turns = Turns(limits or Limits())
        self._held = 0
        """bytes of finished bundles that are not fetched yet"""

    def take(self, tenant: str, person: str) -> Place:
        return self._turns.take(tenant, person)

    async def bundle(self, place: Place, order: Order) -> Bundle:
        try:
            async with self._in_turn():
                return await self._bundle(place, order)
        except BaseException:
            place.leave()
            raise

    async def verify(self, place: Place) -> Report:
        with place:
            async with self._in_turn():
                result = await self._run(self._job(place.tenant), ())
        if result.verified is None:
            raise LedgerUnavailable("the log could not be read")
        return result.verified

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Raises Busy as soon as the process is asked to end."""
        try:
            async with self._process.until_asked(), self._turns.at_work():
                yield
        except Leaves:
            raise Busy("The service is being stopped: ask again in a moment.") from None

    async def _bundle(self, place: Place, order: Order) -> Bundle:
        left = self._disk.most_bytes - self._held
        if left < LEAST_BYTES:
            raise Busy("Reports that are not fetched yet take all of the disk that reports may take: try again soon.")
        file = tempfile.TemporaryFile(dir=self._disk.folder)  # noqa: SIM115  # the bundle closes it
        try:
            job = self._job(order.tenant, file=file.fileno(), most_bytes=left, order=order)
            result = await self._run(job, (file.fileno(),))
            if result.made is None:
                raise self._refused(result.fault)
        except BaseException:
            file.close()
            raise
        made = result.made
        self._held += made.size
        file.seek(0)
        return Bundle(file, made.size, made.sha256, made.rows, self._leaving(place, made.size))

    def _leaving(self, place: Place, size: int) -> Callable[[], None]:
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._held -= size
                place.leave()

        return leave

    def _refused(self, fault: Fault | None) -> Exception:
        if fault is Fault.TOO_LARGE and self._held:
            return Busy("Reports that are not fetched yet take the disk that this one needs: try again soon.")
        match fault:
            case Fault.TOO_LARGE:
                return TooLarge()
            case Fault.TOO_MANY:
                return TooMany()
            case Fault.NOT_YET_SIGNED:
                return NotYetSigned()
            case _:
                return LedgerUnavailable("the report could not be made")

    def _job(self, tenant: str, *, file: int = -1, most_bytes: int = 0, order: Order | None = None) -> Job:
        font = str(self._disk.font) if self._disk.font else None
        vkeys = tuple(self._vkeys(tenant))
        return Job(self._database, str(self._anchors), tenant, vkeys, str(self._disk.folder), file, most_bytes, font, order)

    async def _run(self, job: Job, files: Sequence[int]) -> Result:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.audit_log.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=files,
            cwd=_ROOT,
            env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
        )
        try:
            async with asyncio.timeout(JOB_SECONDS):
                told, _ = await process.communicate(msgspec.json.encode(job))
            return msgspec.json.decode(told, type=Result)
        except (TimeoutError, msgspec.DecodeError):
            raise LedgerUnavailable("the process that makes reports and verifies the log did not end well") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

"""The job of a worker's process: reads a `Job` on standard input and writes a `Result` on standard output (ADR 0029).

It may only read from the database, takes at most 2 GiB of memory, and holds no key: not the ledger's, not the keyring's.
"""

import asyncio
import hashlib
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import asyncpg
import msgspec

from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from services.audit_log.ledger.adapters.keys import PublicKeys
from services.audit_log.ledger.adapters.reads import LedgerReads
from services.audit_log.ledger.adapters.rows import DATABASE_ERRORS, Pool
from services.audit_log.ledger.application.ledger_view import NotYetSigned
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.application.reports import Handout, Order
from services.audit_log.reports.adapters.pdf_report import PdfReport
from services.audit_log.reports.adapters.worker_job import Fault, Job, Result
from services.audit_log.reports.api.exports import report_for
from services.audit_log.reports.application.exporting import Exporter, Made, TooLarge, TooMany
from services.audit_log.reports.application.handing_out import document_of
from shared.service.memory import no_core_dumps
from shared.service.serve import configure_logging

MEMORY_BYTES: Final = 2 << 30
SECONDS: Final = 60
"""of one statement"""


class _Reads(LedgerReads):
    def __init__(self, pool: Pool, keys: PublicKeys, published: Any) -> None:
        super().__init__(pool, keys, published)
        self._newest = keys

    def vkey(self, tenant: str) -> str:
        return self._newest.vkeys(tenant)[0]


async def work(job: Job) -> Result:
    anchor, keys = FileAnchor(Path(job.anchors)), PublicKeys(job.vkeys)
    reading = {"default_transaction_read_only": "on", "application_name": "reports"}
    try:
        async with asyncpg.create_pool(
            job.database, min_size=1, max_size=1, command_timeout=SECONDS, server_settings=reading
        ) as pool:
            log = _Reads(pool, keys, anchor.load)
            if job.order is None:
                return Result(verified=await log.verify(job.tenant))
            pdf = PdfReport(Path(job.font) if job.font else None)
            if job.order.handout is not None:
                with os.fdopen(job.file, "w+b") as file:
                    return Result(made=await _letter(log, pdf, job.order, job.order.handout, file))
            exporter = Exporter(log, pdf, made_at=job.order.made_at, folder=Path(job.folder), most_bytes=job.most_bytes)
            with os.fdopen(job.file, "w+b") as file:
                return Result(made=await exporter.bundle(file, job.tenant, job.order.by, report_for(job.order)))
    except TooMany:
        return Result(Fault.TOO_MANY)
    except (TooLarge, MemoryError):
        return Result(Fault.TOO_LARGE)
    except NotYetSigned:
        return Result(Fault.NOT_YET_SIGNED)
    except (LedgerUnavailable, *DATABASE_ERRORS):
        return Result(Fault.LEDGER)


async def _letter(log: _Reads, pdf: PdfReport, order: Order, handout: Handout, file: IO[bytes]) -> Made:
    document = await document_of(log, order.tenant, report_for(order), order.made_at, handout)
    made = pdf.letter(handout.practice, handout.address, document)
    file.write(made)
    return Made(len(made), hashlib.sha256(made).hexdigest(), len(document.lines))


def run() -> None:
    no_core_dumps()
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    configure_logging()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with suppress(KeyboardInterrupt):
        sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(work(job))))

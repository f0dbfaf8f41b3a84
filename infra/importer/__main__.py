"""`make import FILE=…`: a table of scores by session into a running server, through its REST API.

Options, also of make:
- --dry-run (DRY_RUN=1) writes nothing and says what a run would add.
- --skip-faulty (SKIP_FAULTY=1) imports the sound rows of a file that has faulty ones.

Environment:
- URL (http://127.0.0.1:8100), TENANT (import)
- SOURCE (scores): names the table whose ids these are
- START (2025-01-06): the day of session 1 where the table has no column `date`; one session a week
- TOKEN_INTAKE, TOKEN_THERAPIST, TOKEN_OFFICER; without them the development issuer is asked
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from infra.importer.course import THERAPIST, Importer, Tokens
from infra.importer.reading import BadTable, a_file
from infra.importer.rejected import write_rejected
from infra.importer.rest import VERIFYING_SECONDS, Api, Refused
from infra.importer.table import Table, read
from infra.progress import Progress
from shared.entry.text import inexact
from shared.values.time import parse_day

LANES: Final = 8
"""clients imported at the same time"""
SHOWN: Final = 20
"""faults on the screen; all of them stand in the file of rejected rows"""


@dataclass(frozen=True, slots=True)
class Wanted:
    file: Path
    url: str
    tenant: str
    source: str
    start: date
    dry: bool
    skip_faulty: bool


def wanted(arguments: list[str]) -> Wanted:
    """BadTable for what cannot be meant. SystemExit for options that are not known."""
    parser = argparse.ArgumentParser(prog="make import", usage="make import FILE=scores.csv [DRY_RUN=1] [SKIP_FAULTY=1]")
    parser.add_argument("file")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--skip-faulty", action="store_true")
    given = parser.parse_args(arguments)
    try:
        start = parse_day(os.environ.get("START", "2025-01-06"))
    except ValueError as error:
        raise BadTable(f"START: {error}") from None
    url = os.environ.get("URL", "http://127.0.0.1:8100")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise BadTable("URL: the address of a server is wanted, as in http://127.0.0.1:8100")
    names = {name: os.environ.get(name, default) for name, default in (("TENANT", "import"), ("SOURCE", "scores"))}
    for name, value in names.items():
        if not 0 < len(value) <= 100 or inexact(value):
            raise BadTable(f"{name}: 1 to 100 characters, none of them invisible")
    for role in ("INTAKE", "THERAPIST", "OFFICER"):
        if not (token := os.environ.get(f"TOKEN_{role}", "")).isascii() or not token.isprintable():
            raise BadTable(f"TOKEN_{role} is no token")
    if not given.file:
        raise BadTable("FILE is missing, as in: make import FILE=scores.csv")
    return Wanted(a_file(given.file), url, names["TENANT"], names["SOURCE"], start, given.dry_run, given.skip_faulty)


async def tokens_for(api: Api, tenant: str) -> Tokens:
    given = [os.environ.get(f"TOKEN_{r}") for r in ("INTAKE", "THERAPIST", "OFFICER")]
    wanted = (("import.intake", "intake"), (THERAPIST, "therapist"), ("import.officer", "compliance_officer"))
    made = [token or await api.development_token(sub, role, tenant) for token, (sub, role) in zip(given, wanted, strict=True)]
    return Tokens(*made)


async def bring_in(asked: Wanted, table: Table) -> int:
    """Exit code: 0 where every row reads back equal and the ledger verifies, 1 where not, 2 where nothing was sent."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=LANES)) as session:
        api = Api(session, asked.url)
        try:
            tokens = await tokens_for(api, asked.tenant)
            await _ranges(api, tokens, table)
        except Refused:
            if next(table.rejected(), None):
                _tell_rejected(asked, table, "nothing was imported")
            raise
        if next(table.rejected(), None) and not asked.skip_faulty:
            _tell_rejected(asked, table, "nothing was imported")
            return 2
        rows, _ = table.count()
        bar = Progress(rows, "comparing" if asked.dry else "importing")
        importer = Importer(api, tokens, table, source=asked.source, step=bar.step, dry=asked.dry)
        clients = table.clients()

        async def lane() -> None:
            for client in clients:
                await importer.course(client)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(LANES):
                    group.create_task(lane())
        finally:
            bar.close()
        if asked.dry:
            print(f"a run would add {importer.written}; nothing was written")
        else:
            ledger = await api.get(tokens.officer, "/v1/audit/verification", VERIFYING_SECONDS)
            said = f"the ledger verifies ({ledger['entries']} entries)" if ledger["ok"] else "the ledger does NOT verify"
            print(f"{importer.sound}: all read back equal through the gate; {said}. This run added {importer.written}.")
            if not ledger["ok"]:
                print("a compliance officer should look at /v1/audit/verification", file=sys.stderr)
                return 1
    if next(table.rejected(), None):
        _tell_rejected(asked, table, "the other rows were compared" if asked.dry else "the other rows were imported")
        return 1
    return 0


async def _ranges(api: Api, tokens: Tokens, table: Table) -> None:
    """Rejects scores outside the range of a measure that the server knows."""
    for measure in table.measures:
        try:
            known = await api.get(tokens.therapist, f"/v1/instruments/{measure}")
        except Refused as error:
            if error.status != 404:
                raise
            continue
        total = next((s for s in known.get("scores", ()) if s["id"] == "total"), None)
        if known["enabled"] and total is not None:
            table.outside(measure, total["min"], total["max"])


def _tell_rejected(asked: Wanted, table: Table, outcome: str) -> None:
    count = 0
    for line, _, fault in table.rejected():
        count += 1
        if count <= SHOWN:
            print(f"line {line}: {fault}", file=sys.stderr)
    more = f"… and {count - SHOWN} more. " if count > SHOWN else ""
    print(f"{more}{count} rows were rejected; {outcome}.", file=sys.stderr)
    try:
        file = write_rejected(table, asked.file)
        print(f"They stand in {file}, each with its line and fault: correct it there and import that file.", file=sys.stderr)
    except OSError as error:
        print(f"They could not be written to a file: {error.strerror}", file=sys.stderr)


def main(arguments: list[str]) -> int:
    try:
        asked = wanted(arguments)
        table = read(asked.file, asked.start, datetime.now(UTC))
    except (BadTable, OSError) as error:
        print(f"not imported: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(bring_in(asked, table))
    except ExceptionGroup as group:
        refused = group.subgroup(Refused)
        if refused is None:
            raise
        print(f"stopped: {_first(refused)}", file=sys.stderr)
    except Refused as error:
        print(f"stopped: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("broken off; run the same command again to go on from here", file=sys.stderr)
        return 130
    finally:
        table.close()
    return 1


def _first(group: BaseExceptionGroup[Refused]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

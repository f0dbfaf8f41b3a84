"""`make import FILE=…`: a table of scores by session into a running server, through its REST API.

Environment: URL (http://127.0.0.1:8100), TENANT (import), START (2025-01-06: the day of session 1; the table has no dates, one
session a week), TOKEN_INTAKE, TOKEN_THERAPIST, TOKEN_OFFICER (else the development issuer is asked).
"""

import asyncio
import os
import sys
from datetime import date
from pathlib import Path

import aiohttp

from infra.importer.course import FIXED_STEPS, THERAPIST, Imported, Importer, Tokens, check
from infra.importer.rest import Api, Refused
from infra.importer.table import BadTable, Table, read
from infra.progress import Progress
from shared.values.time import parse_day

LANES = 8
"""clients imported at the same time"""


async def tokens_for(api: Api, tenant: str) -> Tokens:
    given = [os.environ.get(f"TOKEN_{r}") for r in ("INTAKE", "THERAPIST", "OFFICER")]
    wanted = (("import.intake", "intake"), (THERAPIST, "therapist"), ("import.officer", "compliance_officer"))
    made = [token or await api.development_token(sub, role, tenant) for token, (sub, role) in zip(given, wanted, strict=True)]
    return Tokens(*made)


async def bring_in(table: Table, url: str, tenant: str, start: date) -> int:
    """Exit code: 0 where everything reads back equal and the ledger verifies."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=LANES)) as session:
        api = Api(session, url)
        tokens = await tokens_for(api, tenant)
        bar = Progress(len(table.clients) * FIXED_STEPS + len(table.rows) + table.scores, "importing")
        importer, lanes, done = Importer(api, tokens, table, start=start, step=bar.step), asyncio.Semaphore(LANES), []

        async def one(client: str) -> None:
            async with lanes:
                done.append(await importer.course(client))

        try:
            async with asyncio.TaskGroup() as group:
                for client in table.clients:
                    group.create_task(one(client))
        finally:
            bar.close()
        return await _verify(api, tokens, table, done)


async def _verify(api: Api, tokens: Tokens, table: Table, done: list[Imported]) -> int:
    bar = Progress(len(done), "reading back")
    faults = await check(api, tokens, table, done, bar.step)
    bar.close()
    ledger = await api.get(tokens.officer, "/v1/audit/verification")
    if not ledger["ok"]:
        faults.append("the ledger does not verify: a compliance officer should look at /v1/audit/verification")
    if faults:
        print("NOT equal to the file:\n  " + "\n  ".join(faults[:20]), file=sys.stderr)
        return 1
    print(
        f"{len(done)} clients, {len(table.rows)} sessions, {table.scores} scores: all read back equal through the gate; "
        f"the ledger verifies ({ledger['entries']} entries)."
    )
    return 0


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1]:
        print("usage: make import FILE=scores.csv   (columns: id,s,<measure>…)", file=sys.stderr)
        return 2
    try:
        table = read(Path(sys.argv[1]))
        start = parse_day(os.environ.get("START", "2025-01-06"))
    except (BadTable, OSError, ValueError) as error:
        print(f"{sys.argv[1]} was not imported:\n{error}", file=sys.stderr)
        return 2
    url, tenant = os.environ.get("URL", "http://127.0.0.1:8100"), os.environ.get("TENANT", "import")
    try:
        return asyncio.run(bring_in(table, url, tenant, start))
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
    return 1


def _first(group: BaseExceptionGroup[Refused]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra.operator.parked list|show|retry|skip`: messages that a service could not handle, and those behind them.

Reads the service's DSNs from DATABASE_FILE (JSON: app, relay) or `--database`; works as the relay role, which sees ids,
types and error classes, never a payload. `retry` and `skip` are carried out by the running service, which has the handlers.
A skip is entered in the ledger with its reason: write no clinical word there.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final
from uuid import UUID

import asyncpg

WAIT_SECONDS: Final = 30.0
_COLUMNS: Final = "id, tenant_id, consumer, topic, key, message_id, type, error, at"
_LIST: Final = f"SELECT {_COLUMNS} FROM parked ORDER BY at, id"  # noqa: S608
_FIRST: Final = (
    "SELECT DISTINCT ON (tenant_id, consumer, topic, key) {0} FROM parked "
    "ORDER BY tenant_id, consumer, topic, key, coalesce(number, 0), id"
)
_SHOW: Final = f"SELECT {_COLUMNS} FROM parked WHERE message_id = $1 ORDER BY consumer"  # noqa: S608
_BEHIND: Final = (
    "SELECT count(*) FROM parked WHERE tenant_id = $1 AND consumer = $2 AND topic = $3 AND key = $4 "
    "AND (coalesce(number, 0), id) > (SELECT coalesce(number, 0), id FROM parked WHERE id = $5)"
)
_ORDER: Final = (
    "INSERT INTO parked_order (tenant_id, consumer, topic, key, message_id, action, reason, ordered_by) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id"
)
_OUTCOME: Final = "SELECT outcome FROM parked_order WHERE id = $1"


class Trouble(Exception):
    """Why the command did nothing; the message says what to do."""


async def parked(connection: Any, *, everything: bool = False) -> list[dict[str, Any]]:
    """The message each key waits for; with `everything` also those behind."""
    rows = await connection.fetch(_LIST if everything else _FIRST.format(_COLUMNS))
    return [dict(row) for row in rows]


async def details(connection: Any, message_id: UUID) -> list[dict[str, Any]]:
    """One row a consumer that parked it, with how many wait behind it. Trouble where nobody did."""
    rows = [dict(row) for row in await connection.fetch(_SHOW, message_id)]
    if not rows:
        raise Trouble("no such message is parked here: `list` shows those that are")
    for row in rows:
        row["waiting behind it"] = await connection.fetchval(
            _BEHIND, row["tenant_id"], row["consumer"], row["topic"], row["key"], row["id"]
        )
    return rows


async def order(
    connection: Any, message_id: UUID, action: str, *, reason: str | None, by: str, wait: float = WAIT_SECONDS
) -> list[str]:
    """What the service answered, a line a consumer. Trouble where it did not within `wait` seconds: the order stands."""
    answers = []
    for row in await details(connection, message_id):
        place = (row["tenant_id"], row["consumer"], row["topic"], row["key"], message_id)
        number = await connection.fetchval(_ORDER, *place, action, reason, by)
        end = monotonic() + wait
        while (outcome := await connection.fetchval(_OUTCOME, number)) is None:
            if monotonic() > end:
                raise Trouble(f"{row['consumer']} has not answered in {wait:.0f} s: is it running? The order stands.")
            await asyncio.sleep(0.1)
        answers.append(f"{row['consumer']}: {outcome}")
    return answers


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.parked", description="messages that could not be handled")
    parser.add_argument("--database", default=os.environ.get("DATABASE_FILE"), help="JSON file of the service's DSNs")
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", help="the message that each key waits for")
    listed.add_argument("--all", action="store_true", help="those that wait behind it, too")
    for name, said in (
        ("show", "what is known of one message, no clinical word among it"),
        ("retry", "handle it again, and those behind it"),
        ("skip", "give it up for good, and handle those behind it"),
    ):
        command = commands.add_parser(name, help=said)
        command.add_argument("message", type=UUID, help="message id")
        if name != "show":
            command.add_argument("--by", default=os.environ.get("USER", "operator"), help="who orders it")
        if name == "skip":
            command.add_argument("--reason", required=True, type=_reason, help="goes to the ledger; 1 to 200 characters")
    return parser.parse_args(argv)


def _reason(text: str) -> str:
    if not 1 <= len(text.strip()) <= 200 or not text.isprintable():
        raise argparse.ArgumentTypeError("1 to 200 printable characters")
    return text.strip()


async def run(options: argparse.Namespace) -> list[str]:
    """The lines to print."""
    if not options.database:
        raise Trouble("name the service's DSNs: set DATABASE_FILE or give --database")
    connection = await asyncpg.connect(json.loads(Path(options.database).read_text())["relay"], timeout=10)
    try:
        if options.command == "list":
            rows = await parked(connection, everything=options.all)
            return [_line(row) for row in rows] or ["nothing is parked"]
        if options.command == "show":
            return [f"{name}: {value}" for row in await details(connection, options.message) for name, value in row.items()]
        reason = getattr(options, "reason", None)
        return await order(connection, options.message, options.command, reason=reason, by=options.by)
    finally:
        await connection.close()


def _line(row: dict[str, Any]) -> str:
    return f"{row['message_id']}  {row['at']:%Y-%m-%d %H:%M:%S}  {row['consumer']}  {row['topic']}  {row['type']}  {row['error']}"


def main(argv: Sequence[str] = tuple(sys.argv[1:])) -> int:
    try:
        for line in asyncio.run(run(arguments(argv))):
            print(line)
    except (Trouble, OSError, asyncpg.PostgresError) as error:
        said = str(error) if isinstance(error, Trouble) else f"the database cannot be asked: {type(error).__name__}"
        print(said, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra.operator.ledger check`: every tenant's log against its anchor and its signed checkpoint, without the service.

Reads DSNs from DATABASE_FILE (JSON: owner, app, relay), the seed from LOG_SEED_FILE, the checkpoints from ANCHOR_DIR and the name
from AUDIT_LOG_ORIGIN, as the service does. It writes nothing. Exit code 1 where a log is refused or not whole. With
`--tenants` it looks at these alone.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

from services.audit_log.ledger.adapters.audit import audit
from services.audit_log.ledger.adapters.checkpoint_anchor import FileAnchor
from shared.service.parts import DatabaseUrls

_SETTINGS: Final = ("DATABASE_FILE", "LOG_SEED_FILE", "ANCHOR_DIR", "AUDIT_LOG_ORIGIN")


async def check(env: dict[str, str], tenants: list[str]) -> int:
    """How many logs are refused or not whole; each is a line on stdout."""
    urls = DatabaseUrls(**json.loads(Path(env["DATABASE_FILE"]).read_text()))
    seeds = [bytes.fromhex(line) for line in Path(env["LOG_SEED_FILE"]).read_text().split()]
    anchor = FileAnchor(Path(env["ANCHOR_DIR"]))
    bad = 0
    async for found in audit(urls, seeds, env["AUDIT_LOG_ORIGIN"], anchor, tenants or await anchor.tenants()):
        bad += not found.ok
        print(f"{found.tenant}: {'whole' if found.ok else 'NOT WHOLE'}, {found.entries} entries: {found.what}")
    return bad


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.ledger", description=__doc__.splitlines()[0])
    parser.add_argument("order", choices=["check"])
    parser.add_argument("--tenants", nargs="*", default=[])
    given = parser.parse_args(arguments)
    missing = [name for name in _SETTINGS if not os.environ.get(name)]
    if missing:
        print(f"set {', '.join(missing)} as for the service", file=sys.stderr)
        return 2
    bad = asyncio.run(check(dict(os.environ), given.tenants))
    print("every log is whole" if not bad else f"{bad} logs are not whole: see docs/operations/ledger.md")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

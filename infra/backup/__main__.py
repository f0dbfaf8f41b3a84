"""`make backup DIR=…` and `make restore DIR=… BY=… SECOND=…`: a deployment under docker compose as one consistent whole.

    python -m infra.backup make DIR [-p PROJECT]
    python -m infra.backup restore DIR --by NAME --second NAME [-p PROJECT]

A backup is made while the deployment serves (infra/backup/making.py says why the order matters). A restore fills empty volumes,
and refuses others. Ends with 1, and one line that says what to do, where something is wrong.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.backup.making import make_backup
from infra.backup.restoring import Refused, restore_backup
from infra.compose.command import Compose, ComposeFailed, NoCompose, settings

ROOT = Path(__file__).parents[2]


def main(argv: list[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.backup", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("-p", "--project", help="compose's project name, where it is not the folder's")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="back up into DIR, which must not exist yet")
    restoring = commands.add_parser("restore", help="restore from DIR into empty volumes")
    for one in (making, restoring):
        one.add_argument("dir", type=Path)
    for name in ("--by", "--second"):
        restoring.add_argument(name, required=True, help="who restores, and who confirms it: two people, named in the ledger")
    chosen = parser.parse_args(argv)
    env = settings(ROOT, environ)
    secrets = ROOT / (env.get("SECRETS") or "secrets")
    try:
        compose = Compose(ROOT, env, chosen.project)
        if chosen.command == "make":
            make_backup(compose, chosen.dir, secrets)
        else:
            restore_backup(compose, chosen.dir, secrets, by=chosen.by, second=chosen.second)
    except (Refused, ComposeFailed, NoCompose, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra.operator.verify_export FILE --log VKEY [--witness VKEY]... [--quorum N]`: a bundle, without the server.

VKEY is the log's verifier key, as it was handed to you (a file with one is taken too): the one in the manifest is whoever's who
wrote the manifest. With `--witness` the checkpoints must be cosigned by so many of them (all, unless `--quorum` says fewer). Exit
code 0 where everything holds, 1 where it does not, 2 where it could not be looked at, 3 where what can be proved holds and the
words of some rows cannot: their payload was erased or withheld, so anybody could have written them. The bundle's own hash, which
the ledger's entry of the export names, covers them, and what only the manifest says: who asked when for what.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Final

from services.audit_log.ledger.domain.cosignature import parse_cosigner
from services.audit_log.ledger.domain.signed_note import NoteInvalid, parse_vkey
from services.audit_log.reports.domain.export_check import BundleInvalid, check_bundle

SHOWN: Final = 50


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.verify_export", description="An exported bundle, checked.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--log", required=True, help="verifier key of the log, or a file that holds it")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness, or a file that holds it")
    parser.add_argument("--quorum", type=int, help="how many witnesses must have cosigned; all by default")
    given = parser.parse_args(arguments)
    try:
        log = parse_vkey(_key(given.log))
        witnesses = [parse_cosigner(_key(text)) for text in given.witness]
    except NoteInvalid as error:
        print(f"a key cannot be used: {error}", file=sys.stderr)
        return 2
    if not given.file.is_file():
        print(f"there is no file {given.file}", file=sys.stderr)
        return 2
    quorum = len({w.name for w in witnesses}) if given.quorum is None else given.quorum
    try:
        found = check_bundle(given.file, log, witnesses, quorum)
    except BundleInvalid as error:
        print(f"NOT WHOLE: {error}")
        return 1
    manifest = found.manifest
    print(f"{manifest.get('report')} of {log.name}, made {manifest.get('made_at')} by {manifest.get('made_by')}")
    known = len({w.name for w in witnesses})
    for size, cosigned in sorted(found.checkpoints.items()):
        print(f"checkpoint of {size} entries, signed by the log, cosigned by {cosigned} of {known} witnesses")
    print(f"{found.rows} rows: {found.proved} proved, {len(found.place_only)} proved in their place alone")
    with given.file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    print(f"what was asked for, by whom and when is the manifest's word alone: {manifest.get('query')}")
    print(f"an officer can compare the bundle's SHA-256 with the ledger's entry of this export: {digest}")
    missing = "That no row was left out is not shown by a bundle"
    if found.place_only:
        print(f"NOT PROVED are the words of rows {_listed(found.place_only)}: their payload is not in it, only their place holds")
        print(f"every other row says what was logged. {missing}")
        return 3
    print(f"whole: every row says what was logged. {missing}")
    return 0


def _listed(indexes: list[int]) -> str:
    more = len(indexes) - SHOWN
    return ", ".join(map(str, sorted(indexes)[:SHOWN])) + (f" and {more} more" if more > 0 else "")


def _key(text: str) -> str:
    return Path(text).read_text().strip() if "+" not in text and Path(text).is_file() else text.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m infra.operator.verify_entry FILE --log VKEY`: one entry checked against the log's key, without the server.

FILE is the proof as the officers' pages hand it out ("Download the proof"), or the answer of the address
`/v1/audit/entries/{index}/proof` to `Accept: application/json`. VKEY is the log's verifier key as it was handed to you, or a file
that holds it. The key in FILE counts for nothing. Prints the entry's words. Exit code 0: everything holds. 1: it does not. 2: it
could not be looked at. 3: the place in the log holds, and the words were erased.
"""

import argparse
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from infra.operator.verify_export import key_text
from services.audit_log.ledger.domain.checkpoint import open_checkpoint
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.merkle import ProofInvalid, leaf_hash, verify_inclusion
from services.audit_log.ledger.domain.signed_note import Ed25519Verifier, NoteInvalid, parse_vkey
from services.audit_log.ledger.domain.tlog_proof import parse_proof


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.verify_entry", description="An entry's proof, checked.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--log", required=True, help="verifier key of the log, or a file that holds it")
    given = parser.parse_args(arguments)
    try:
        log = parse_vkey(key_text(given.log))
        document = json.loads(given.file.read_text())
    except (NoteInvalid, OSError, ValueError) as error:
        print(f"it could not be looked at: {error}", file=sys.stderr)
        return 2
    try:
        return _told(document, log)
    except (ProofInvalid, NoteInvalid, KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"NOT VERIFIED: {error}")
        return 1


def _told(document: dict[str, Any], log: Ed25519Verifier) -> int:
    proof = parse_proof(document["proof"].encode())
    leaf = proof.extra
    if proof.index != document["index"] or leaf is None:
        raise ProofInvalid("the proof is of another entry, or does not carry its leaf")
    checkpoint = open_checkpoint(proof.checkpoint, log)
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(leaf), proof.path, checkpoint.root)
    print(f"entry {proof.index} stands in the log {log.name} of {checkpoint.size} entries, as its key signed it")
    if document["payload"] is None:
        print("its words were erased: only its place is proved")
        return 3
    payload = document["payload"].encode()
    if commit(b64decode(document["salt"], validate=True), payload) != leaf:
        raise ProofInvalid("the words are not those that were logged")
    for name, value in json.loads(payload).items():
        print(f"  {name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    print("verified: these words are what was logged, unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

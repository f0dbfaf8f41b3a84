"""`python -m infra.operator.kms_audit LOG…`: OpenBao's audit log against what the keyring noted and what the ledger permitted.

Every wrap, unwrap and rewrap under the key-encryption key was the keyring's, or is named here: by somebody else with a token
(`kms-call-unknown`), cut out of OpenBao's log (`kms-call-unlogged`), or without an entry that says for what
(`kms-call-without-entry`). What is found is kept in the keyring's database, and the running audit log makes an alarm of it.
Exit code 1 where anything was found.

    LOG…                    files of OpenBao's audit device; `-` is standard input. Lines of something else are read past
    --since, --until        RFC 3339; else from the first call to the last one in the files
    KEYRING_DATABASE_FILE   JSON: owner, app, relay
    DATABASE_FILE           of audit_log; without it the ledger is not looked at
    BAO_ADDR, BAO_TOKEN     an operator's, and BAO_CACERT: to name the key of a call that was not ours. Without them it stays
                            unnamed, and a lost answer is recognised by its time alone
    BAO_AUDIT_DEVICE        its name; `calls` where absent
"""

import argparse
import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
import requests
from hvac.exceptions import VaultError

from infra.openbao.setup import KEY_NAME, MOUNT, client_of
from services.audit_log.keyring.adapters.database import KeyringDatabase
from services.audit_log.keyring.adapters.kms_book import KmsBook
from services.audit_log.keyring.adapters.kms_findings_table import KmsFindingsTable
from services.audit_log.keyring.domain.gate_keys import gate_key_context
from services.audit_log.keyring.domain.kms_audit import (
    NEAR,
    Audited,
    Finding,
    KeyName,
    Noted,
    Reason,
    Times,
    compare,
    read,
    strangers,
)
from services.audit_log.ledger.application.ports import KeyringUnavailable
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.records import RECORD_TYPES, KeyClass, RecordType
from shared.service.parts import DatabaseUrls, Unwired
from shared.service.run import require

EDGE: Final = NEAR
"""at the ends of the window, where a call may lie in it and its counterpart outside"""
_WORDS: Final = {
    Reason.UNKNOWN: "NOT OURS",
    Reason.UNLOGGED: "NOT IN OPENBAO'S LOG",
    Reason.WITHOUT_ENTRY: "NO ENTRY SAYS FOR WHAT",
}
_DATA_KEYS: Final = "SELECT kid, client_id, key_class FROM data_key WHERE tenant_id = $1"
_GATE_KEYS: Final = "SELECT kid FROM gate_key WHERE tenant_id = $1"
_PERMITTED: Final = """
SELECT e.client_id, r.record_type, e.at FROM ledger_entry e JOIN ledger_record r ON r.tenant_id = e.tenant_id AND r.idx = e.idx
WHERE e.tenant_id = $1 AND e.at >= $2 AND e.at < $3 AND r.decision = 'permit' AND e.client_id = ANY($4)"""


@dataclass(frozen=True, slots=True)
class Compared:
    calls: int
    noted: int
    findings: Sequence[Finding]
    new: int


def lines_of(files: Sequence[str]) -> Iterator[str]:
    for name in files:
        if name == "-":
            yield from sys.stdin
        else:
            with Path(name).open(errors="replace") as file:
                yield from file


async def run(env: Mapping[str, str], files: Sequence[str], since: datetime | None, until: datetime | None) -> Compared | None:
    """None where the log holds no call of the window.

    KeyringUnavailable, Unwired, VaultError, OSError, and the errors of asyncpg and requests.
    """
    audited = [
        call
        for call in read(lines_of(files), mount=MOUNT, key=KEY_NAME)
        if (since is None or call.at >= since) and (until is None or call.at < until)
    ]
    if not audited:
        return None
    start, end = since or min(c.at for c in audited), until or max(c.at for c in audited)
    database = KeyringDatabase(_urls(env, "KEYRING_DATABASE_FILE"), 2)
    await database.open()
    try:
        keys = await _keys(database)
        by_digest = {sha256(context).digest(): name for name, context in keys}
        noted = [
            Noted(n.at, str(n.operation), by_digest.get(n.context_digest), n.request_id)
            for n in await KmsBook(database).between(start - NEAR, end + NEAR)
        ]
        unknown = strangers(audited, noted)
        names = await asyncio.to_thread(_named, env, keys, unknown) if unknown else {}
        permitted = await _permitted(env, noted, start, end) if env.get("DATABASE_FILE") else None
        findings = compare(audited, noted, names, permitted, since=start, until=end, edge=EDGE)
        return Compared(len(audited), len(noted), findings, await KmsFindingsTable(database).add(findings))
    finally:
        await database.close()


async def _keys(database: KeyringDatabase) -> list[tuple[KeyName, bytes]]:
    """Every key that ever was, also shredded ones, and what the KMS bound it to."""
    found = []
    for row in await database.rows("SELECT tenant_id FROM keyring_tenant"):
        tenant = row["tenant_id"]
        for key in await database.of_tenant(tenant, _DATA_KEYS, tenant):
            found.append(KeyName(tenant, key["kid"], key["client_id"], KeyClass(key["key_class"])))
    for key in await database.of_tenant(SYSTEM_TENANT, _GATE_KEYS, SYSTEM_TENANT):
        found.append(KeyName(SYSTEM_TENANT, key["kid"]))
    return [(name, name.context(gate_key_context(name.kid))) for name in found]


def _named(env: Mapping[str, str], keys: Sequence[tuple[KeyName, bytes]], calls: Sequence[Audited]) -> dict[str, KeyName]:
    """Context hash → key, of the calls that are not ours. Asks OpenBao for each key's hash until all are found."""
    if not env.get("BAO_ADDR") or not env.get("BAO_TOKEN"):
        return {}
    client = client_of(env["BAO_ADDR"], env["BAO_TOKEN"], verify=env.get("BAO_CACERT") or True)
    device = env.get("BAO_AUDIT_DEVICE") or "calls"
    wanted, names = {c.context_hash for c in calls}, {}
    for name, context in keys:
        # as the client sends it: the log holds the digest of the base64 text
        digest = str(client.sys.calculate_hash(device, b64encode(context).decode())["data"]["hash"])
        names[digest] = name
        wanted.discard(digest)
        if not wanted:
            break
    return names


async def _permitted(env: Mapping[str, str], noted: Sequence[Noted], since: datetime, until: datetime) -> Times:
    clients: dict[str, set[str]] = {}
    for n in noted:
        if n.key is not None and n.key.client_id is not None:
            clients.setdefault(n.key.tenant, set()).add(n.key.client_id)
    found: dict[tuple[str, str, KeyClass], list[datetime]] = {}
    connection = await asyncpg.connect(_urls(env, "DATABASE_FILE").app)
    try:
        for tenant, ids in clients.items():
            async with connection.transaction(readonly=True):
                await connection.execute("SELECT set_config('app.tenant_id', $1, true)", tenant)
                for row in await connection.fetch(_PERMITTED, tenant, since - 2 * NEAR, until + 2 * NEAR, sorted(ids)):
                    key_class = RECORD_TYPES[RecordType(row["record_type"])].key_class
                    found.setdefault((tenant, row["client_id"], key_class), []).append(row["at"])
    finally:
        await connection.close()
    return found


def _urls(env: Mapping[str, str], name: str) -> DatabaseUrls:
    return DatabaseUrls(**json.loads(Path(require(env, name)).read_text()))


def told(finding: Finding) -> str:
    key = finding.key
    of = "an unnamed key" if key is None else f"gate key {key.kid}" if key.client_id is None else f"{key.key_class} key {key.kid}"
    whose = f" of client {key.client_id}, tenant {key.tenant}" if key is not None and key.client_id is not None else ""
    where = f" from {finding.remote_address}" if finding.remote_address else ""
    return (
        f"{finding.at.isoformat()} {finding.operation} of {of}{whose}{where}, call {finding.request_id}: {_WORDS[finding.reason]}"
    )


def main(arguments: Sequence[str], env: Mapping[str, str] = os.environ) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operator.kms_audit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log", nargs="+")
    parser.add_argument("--since", type=datetime.fromisoformat)
    parser.add_argument("--until", type=datetime.fromisoformat)
    given = parser.parse_args(arguments)
    if any(at is not None and at.tzinfo is None for at in (given.since, given.until)):
        parser.error("times need their zone, as in 2026-03-01T00:00:00Z")
    try:
        compared = asyncio.run(run(env, given.log, given.since, given.until))
    except (KeyringUnavailable, Unwired) as error:
        print(error, file=sys.stderr)
        return 2
    except (asyncpg.PostgresError, requests.RequestException, VaultError, OSError, ValueError, TypeError) as error:
        print(f"nothing was compared: {type(error).__name__}", file=sys.stderr)
        return 2
    if compared is None:
        print("the log holds no call of the key-encryption key in this window")
        return 0
    for finding in compared.findings:
        print(told(finding))
    print(f"{compared.calls} calls in OpenBao's log, {compared.noted} noted by the keyring: ", end="")
    print(f"{len(compared.findings)} without counterpart, {compared.new} of them new" if compared.findings else "all agree")
    return 1 if compared.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

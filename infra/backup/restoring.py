"""A restore into empty volumes: a new host, or a drill under another project name. It never overwrites what is there.

A restore takes the ledgers back to the moment of the backup. An attacker who puts an old copy in place does the same. What tells
the two apart: two people are named, and the audit log writes them into every log, as an alarm that its officers see
(services/audit_log/assurance/application/restored.py). Entries that were lost are still known to the witnesses.
"""

import json
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from infra.backup.layout import CHECKPOINTS, DATABASES, KEYRING, OPENBAO, SECRETS, TOKEN, Manifest, Server, Volume, schema_digests
from infra.compose.command import Compose
from services.audit_log.assurance.application.restored import MARK

_PGDATA: Final = "/var/lib/postgresql/data/pgdata"
_FILL: Final = f"mkdir -p {_PGDATA} && chmod 700 {_PGDATA} && tar -xzf - -C {_PGDATA} && chown -R postgres:postgres {_PGDATA}"
_RUN: Final = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "sh")


class Refused(Exception):
    """Nothing was changed; the message says why, and what to do."""


def restore_backup(compose: Compose, folder: Path, secrets: Path, *, by: str, second: str) -> None:
    """Secrets, volumes, then the start. Refused, ValueError, ComposeFailed, OSError."""
    if not by.strip() or not second.strip() or by.strip().casefold() == second.strip().casefold():
        raise Refused("two different people are needed: who restores (BY=…), and who confirms it (SECOND=…)")
    manifest = Manifest.read(folder)
    if ahead := sorted(d for d in manifest.schemas if d not in schema_digests()):
        raise Refused(
            f"the backup has databases that this release does not know ({', '.join(ahead)}): use the release that made it"
        )
    if not secrets.exists():  # first, because compose reads files of it for every call
        with tarfile.open(folder / SECRETS) as archive:
            archive.extractall(secrets.parent, filter="data")
        (secrets.parent / "secrets").rename(secrets)
        secrets.chmod(0o700)
    if running := compose.run("ps", "-q").decode().split():
        raise Refused(f"{len(running)} containers of this project exist: restore into a project of its own (PROJECT=…)")
    for part in (DATABASES, KEYRING):
        _fill_server(compose, part, folder)
    for volume in (OPENBAO, TOKEN, CHECKPOINTS):
        _fill(compose, volume, folder)
    mark = {"made_at": manifest.made_at, "restored_at": datetime.now(UTC).isoformat(), "by": by.strip(), "second": second.strip()}
    write = f"cat > {CHECKPOINTS.folder}/{MARK}"
    _with(compose, CHECKPOINTS.service, write, json.dumps(mark).encode())
    compose.run("up", "-d")
    print(f"restored as of {manifest.made_at}; make doctor says when it serves")


def _fill_server(compose: Compose, server: Server, folder: Path) -> None:
    _refuse_full(compose, server.service, "/var/lib/postgresql/data")
    with (folder / server.file).open("rb") as content:
        compose.run(*_RUN, server.service, "-c", _FILL, stdin=content)


def _fill(compose: Compose, volume: Volume, folder: Path) -> None:
    _refuse_full(compose, volume.service, volume.folder)
    with (folder / volume.file).open("rb") as content:
        compose.run(*_RUN, volume.service, "-c", f"tar -xf - -C {volume.folder}", stdin=content)


def _refuse_full(compose: Compose, service: str, folder: str) -> None:
    if compose.run(*_RUN, service, "-c", f"ls -A {folder}").strip():
        raise Refused(f"the volume at {folder} of {service} is not empty: nothing is overwritten. Restore under another PROJECT")


def _with(compose: Compose, service: str, command: str, content: bytes) -> None:
    with tempfile.TemporaryFile() as given:
        given.write(content)
        given.seek(0)
        compose.run(*_RUN, service, "-c", command, stdin=given)

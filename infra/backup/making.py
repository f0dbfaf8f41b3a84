"""A backup of a deployment that serves. What makes it one consistent whole:

1. The ledgers' last checkpoints are copied first: the database copied after them holds at least as many entries, so the ledger is
   accepted when it is restored.
2. No message is on its way: the relays are held back (this tool has their lock; writes go on and wait in the outbox), and every
   consumer has handled what was published. Kafka itself is not backed up: restored, it starts empty, and nothing is missing.
3. The services' databases are one PostgreSQL server, copied as of one moment (pg_basebackup).
4. The keyring comes after them: it holds every key that they need. A key erased in between stays erased.
5. OpenBao stands still for the seconds in which its files are copied; meanwhile only keys that are not in use wait for it.
"""

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from infra.backup.layout import (
    CHECKPOINTS,
    DATABASES,
    FILES,
    KEYRING,
    OPENBAO,
    SECRETS,
    TOKEN,
    Manifest,
    Server,
    Volume,
    digest,
    schema_digests,
)
from infra.compose.command import Compose, ComposeFailed
from infra.compose.secrets import DATABASES as SERVERS
from shared.eventstore.outbox import LEADER

_AS_ADMIN: Final = "export PGPASSWORD=$(cat /run/secrets/app/password); "
_COPY: Final = _AS_ADMIN + "pg_basebackup -U postgres -D - -Ft -Xfetch -cfast | gzip -1"


def make_backup(compose: Compose, folder: Path, secrets: Path) -> None:
    """Into a folder that does not exist yet; half of one is removed again. ComposeFailed, OSError."""
    for part in ("data", "keys"):
        (folder / part).mkdir(parents=True, mode=0o700)
    try:
        _say("the ledgers' checkpoints")
        _tar(compose, CHECKPOINTS, folder)
        with relays_held(compose):
            _say("waiting until every message is handled")
            compose.run("run", "--rm", "-T", "--no-deps", "topics", "python", "-m", "infra.kafka.lag")
            made_at = datetime.now(UTC)
            _say("the services' databases")
            _copy(compose, DATABASES, folder)
        _say("the keyring")
        _copy(compose, KEYRING, folder)
        _say("OpenBao and the secrets")
        with stopped(compose, "openbao"):
            _tar(compose, OPENBAO, folder)
        _tar(compose, TOKEN, folder)
        with tarfile.open(folder / SECRETS, "w") as archive:
            archive.add(secrets, arcname="secrets")
        _say("checksums")
        Manifest(made_at.isoformat(), schema_digests(), {name: digest(folder / name) for name in FILES}).write(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder} holds {size / 2**20:,.1f} MiB, as of {made_at:%Y-%m-%d %H:%M:%S} UTC. Keep its data/ and its keys/ apart")


@contextmanager
def relays_held(compose: Compose) -> Iterator[None]:
    """No relay sends anything meanwhile: each database's relay lock is ours, before whoever had it is parted from it."""
    with ExitStack() as stack:
        for database in SERVERS["postgres"]:
            stack.enter_context(_held(compose, database))
        yield


_TAKE_LOCK: Final = """
DO $$ BEGIN
  FOR i IN 1..300 LOOP
    IF pg_try_advisory_lock({0}, {1}) THEN RETURN; END IF;
    PERFORM pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {0} AND objid = {1} AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    PERFORM pg_sleep(0.05);
  END LOOP;
  RAISE EXCEPTION 'the lock could not be had';
END $$;
\\echo held
"""
"""the session has it until its end; whoever had it is parted from it"""


@contextmanager
def _held(compose: Compose, database: str) -> Iterator[None]:
    psql = _AS_ADMIN + f"exec psql -qAtX -v ON_ERROR_STOP=1 -U postgres -d {database}"
    session = compose.open("exec", "-T", "postgres", "sh", "-c", psql)
    assert session.stdin is not None and session.stdout is not None
    try:
        session.stdin.write(_TAKE_LOCK.format(*LEADER))
        session.stdin.flush()
        if not any(line.strip() == "held" for line in session.stdout):
            raise ComposeFailed(f"the relay of {database} could not be held back: try again")
        yield
    finally:
        session.stdin.close()
        session.wait(30)


@contextmanager
def stopped(compose: Compose, service: str) -> Iterator[None]:
    compose.run("stop", service)
    try:
        yield
    finally:
        compose.run("start", service)


def _copy(compose: Compose, server: Server, folder: Path) -> None:
    with _private(folder / server.file) as out:
        compose.run("exec", "-T", server.service, "bash", "-o", "pipefail", "-c", _COPY, stdout=out)


def _tar(compose: Compose, volume: Volume, folder: Path) -> None:
    with _private(folder / volume.file) as out:
        compose.run(
            *("run", "--rm", "-T", "--no-deps", "--entrypoint", "tar", volume.service, "-C", volume.folder, "-cf", "-", "."),
            stdout=out,
        )


@contextmanager
def _private(file: Path) -> Iterator[IO[bytes]]:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        yield opened


def _say(what: str) -> None:
    print(f"  {datetime.now(UTC):%H:%M:%S}  {what} …", flush=True)

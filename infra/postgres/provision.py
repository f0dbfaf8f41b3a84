"""Makes the databases and roles of the services: a database each, owned by a role that can do nothing elsewhere.

Idempotent: run it at every start; passwords are set anew from what it is given. Run as a program it reads `ADMIN_DATABASE_URL`,
`DATABASES` (comma list; all where absent) and `ROLE_PASSWORDS_FILE` (JSON: role → password).
"""

import asyncio
import hmac
import json
import os
import re
import secrets
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac, sha256
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from shared.eventstore.databases import DatabaseUrls
from shared.service.parts import Unwired
from shared.service.transport import check_database


@dataclass(frozen=True, slots=True)
class OwnedDatabase(DatabaseUrls):
    """What provisioning gives: the DSNs of a running service, and the owner's for the job that migrates."""

    owner: str = field(repr=False)
    """creates and migrates the schema; row-level security holds for it too"""

    @property
    def running(self) -> DatabaseUrls:
        """What a running service gets."""
        return DatabaseUrls(app=self.app, relay=self.relay)


DATABASES = ("consent", "session_notes", "alliance_measurement", "audit_log", "keyring")
PURPOSES = ("owner", "app", "relay")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,55}")
_ROLE = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
_TURN = 4_011_972
"""advisory lock of provisioning, so that two runs do not collide"""
_SCRAM_ITERATIONS = 4096
"""PostgreSQL's own default; the passwords are random"""


def normalised(dsn: str) -> str:
    """A DSN as asyncpg takes it, from one written for libpq or SQLAlchemy."""
    return re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql://", dsn)


def redirected(dsn: str, *, user: str, password: str, database: str) -> str:
    """The same server and options, another account and database."""
    parts = urlsplit(normalised(dsn))
    server = parts.netloc.rpartition("@")[2]
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{account}@{server}", path=f"/{quote(database, safe='')}"))


def scram_verifier(password: str, salt: bytes) -> str:
    """What the server keeps of a password (RFC 5802, 7677), so that the password itself never crosses the wire or meets a log.

    Printable ASCII only: other text would have to be prepared by SASLprep first. Raises ValueError.
    """
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a role's password must be printable ASCII")
    salted = pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{_b64(salt)}${_b64(stored)}:{_b64(server)}"


async def provision(
    admin_dsn: str, services: Sequence[str], password_for: Callable[[str], str], *, prefix: str = ""
) -> dict[str, OwnedDatabase]:
    """The services' URLs, by service. `password_for(role)`; `prefix` goes before databases and roles (`t1_consent_app`).

    Needs an account that may create databases and roles. Raises ValueError for a name that is not lower_snake_case,
    and asyncpg's errors where the server refuses.
    """
    for service in services:
        if not _NAME.fullmatch(prefix + service):
            raise ValueError(f"{prefix + service!r} is no name for a database: use lower_snake_case, at most 56 characters")
    urls: dict[str, OwnedDatabase] = {}
    admin = await asyncpg.connect(normalised(admin_dsn))
    try:
        await admin.execute(f"SELECT pg_advisory_lock({_TURN})")
        for service in services:
            database = prefix + service
            passwords = {f"{database}_{purpose}": password_for(f"{database}_{purpose}") for purpose in PURPOSES}
            for role, password in passwords.items():
                await _make_role(admin, role, password)
            await _make_database(admin, database)
            owner, app, relay = (
                redirected(admin_dsn, user=role, password=password, database=database) for role, password in passwords.items()
            )
            urls[service] = OwnedDatabase(owner=owner, app=app, relay=relay)
    finally:
        await admin.close()
    return urls


async def _make_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    verifier = scram_verifier(password, secrets.token_bytes(16))
    await admin.execute(f"{'ALTER' if exists else 'CREATE'} ROLE {role} {_ROLE} PASSWORD '{verifier}'")


async def _make_database(admin: asyncpg.Connection, database: str) -> None:
    owner = f"{database}_owner"
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
        superuser = await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not superuser:
            await admin.execute(f"GRANT {owner} TO CURRENT_USER")
        await admin.execute(f"CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
        if not superuser:
            await admin.execute(f"REVOKE {owner} FROM CURRENT_USER")
    await admin.execute(
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {database}_app, {database}_relay"
    )


def _b64(value: bytes) -> str:
    return b64encode(value).decode()


def main() -> int:
    admin_dsn, passwords_file = os.environ.get("ADMIN_DATABASE_URL"), os.environ.get("ROLE_PASSWORDS_FILE")
    if not admin_dsn or not passwords_file:
        print("set ADMIN_DATABASE_URL and ROLE_PASSWORDS_FILE", file=sys.stderr)
        return 2
    try:
        check_database(os.environ, "ADMIN_DATABASE_URL", admin_dsn)
    except Unwired as refusal:
        print(refusal, file=sys.stderr)
        return 2
    names = [name.strip() for name in os.environ.get("DATABASES", ",".join(DATABASES)).split(",") if name.strip()]
    passwords: dict[str, str] = json.loads(Path(passwords_file).read_text())
    missing = [f"{name}_{purpose}" for name in names for purpose in PURPOSES if f"{name}_{purpose}" not in passwords]
    if missing:
        print(f"{passwords_file} lacks a password for: {', '.join(missing)}", file=sys.stderr)
        return 2
    asyncio.run(provision(admin_dsn, names, passwords.__getitem__))
    print(f"ready: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

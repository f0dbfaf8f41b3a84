import hmac
import json
import os
import subprocess
import sys
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from infra.postgres.provision import DATABASES, PURPOSES, normalised, provision, redirected, scram_verifier
from tests.support.postgres import MakeDatabase, Postgres


async def test_each_role_reaches_its_own_database_alone(postgres: Postgres) -> None:
    made = await postgres.make_databases("consent", "audit_log")
    for own, other in (("consent", "audit_log"), ("audit_log", "consent")):
        foreign = urlsplit(made[other].owner).path[1:]
        for url in (made[own].owner, made[own].app, made[own].relay):
            connection = await asyncpg.connect(url)
            row = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
            await connection.close()
            assert row is not None
            powers = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")
            assert not any(row[power] for power in powers)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(url, database=foreign)


async def test_it_runs_again_and_sets_new_passwords(postgres: Postgres, make_database: MakeDatabase) -> None:
    first = await make_database("consent")
    prefix = urlsplit(first.owner).path[1:].removesuffix("consent")
    connection = await asyncpg.connect(first.owner)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.close()
    again = await provision(postgres.admin_dsn, ["consent"], lambda role: f"new {role} p/@:'%", prefix=prefix)
    connection = await asyncpg.connect(again["consent"].owner)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(first.owner)


async def test_the_urls_suit_sqlalchemy(make_database: MakeDatabase) -> None:
    url = (await make_database("consent")).app.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT current_user"))).scalar_one().endswith("consent_app")
    await engine.dispose()


@pytest.mark.parametrize("service", ["", "Consent", "consent;drop", "1consent", "c" * 60])
async def test_a_name_that_is_none_is_refused(postgres: Postgres, service: str) -> None:
    with pytest.raises(ValueError, match="no name for a database"):
        await provision(postgres.admin_dsn, [service], lambda role: "secret")


def test_urls_keep_server_and_options() -> None:
    assert normalised("postgresql+asyncpg://a:b@h/d") == normalised("postgres://a:b@h/d") == "postgresql://a:b@h/d"
    there = redirected("postgres://root:x@db.example:6432/postgres?sslmode=require", user="u", password="p/@", database="consent")
    assert there == "postgresql://u:p%2F%40@db.example:6432/consent?sslmode=require"
    socket = redirected("postgresql://root:x@/postgres?host=/run/pg&port=5", user="u", password="p", database="d")
    assert socket == "postgresql://u:p@/d?host=/run/pg&port=5"


def test_a_verifier_is_what_rfc_7677_says() -> None:
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    kind, head, tail = scram_verifier("pencil", b64decode(salt)).split("$")
    assert (kind, head) == ("SCRAM-SHA-256", f"4096:{salt}")
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    spoken = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}".encode()
    stored, server = (b64decode(part) for part in tail.split(":"))
    assert hmac.digest(server, spoken, "sha256") == b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    proof = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored, spoken, "sha256")
    assert sha256(bytes(a ^ b for a, b in zip(proof, signature, strict=True))).digest() == stored
    for password in ("", "pässword", "new\nline"):
        with pytest.raises(ValueError, match="printable ASCII"):
            scram_verifier(password, b"salt")


async def test_as_a_program(postgres: Postgres, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    names = ["keyring"]
    environment = {**os.environ, "ADMIN_DATABASE_URL": postgres.admin_dsn, "ROLE_PASSWORDS_FILE": str(passwords)}

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infra.postgres.provision"]
        return subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, check=False)

    passwords.write_text(json.dumps({}))
    lacking = run()
    assert lacking.returncode == 2
    assert all(name in lacking.stderr for name in DATABASES)
    connection = await asyncpg.connect(postgres.admin_dsn)
    existed = await connection.fetchval("SELECT true FROM pg_database WHERE datname = 'keyring'")
    await connection.close()
    if existed:
        pytest.skip("this server holds a database `keyring` already")
    passwords.write_text(json.dumps({f"{name}_{purpose}": "s" * 20 for name in names for purpose in PURPOSES}))
    done = run(DATABASES=",".join(names))
    assert (done.returncode, done.stdout) == (0, "ready: keyring\n")
    own = redirected(postgres.admin_dsn, user="keyring_app", password="s" * 20, database="keyring")
    await (await asyncpg.connect(own)).close()
    postgres.to_drop("keyring")

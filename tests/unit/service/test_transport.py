"""Outside of development plain transport is refused, by one line that names the setting."""

import ast
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.kafka import acls
from infra.openbao import first_start, setup
from services.audit_log.assurance.adapters.witness_http import parse_witnesses
from services.audit_log.keyring.adapters.kms.chosen import kms_of
from shared.service.parts import Unwired
from shared.service.run import database_urls
from shared.service.transport import ADDRESSES, TLS_FILES, check_database, check_service

ROOT = Path(__file__).parents[3]
SERVICES = ("consent", "session_notes", "alliance_measurement", "audit_log", "ehr_gateway")
GUARDED = {
    **{name: f"/run/{name}" for name in TLS_FILES},
    **dict.fromkeys(ADDRESSES, "https://elsewhere.example"),
    "OIDC_ISSUER": "https://login.example.org/realms/clinic",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
}
CHECKED = "postgresql://app:word@db:5432/consent?sslmode=verify-full&sslrootcert=/run/ca.pem"


def test_guarded_settings_pass() -> None:
    check_service(GUARDED, stores=True)
    check_database(GUARDED, "DATABASE_FILE", CHECKED)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *((name, "") for name in TLS_FILES),
        *((name, "http://elsewhere.example") for name in (*ADDRESSES, "OIDC_ISSUER")),
        *((name, "http://localhost.elsewhere.example/x") for name in ADDRESSES),
        ("KAFKA_SECURITY_PROTOCOL", ""),
        ("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
    ],
)
def test_a_plain_one_is_refused_and_named(setting: str, value: str) -> None:
    for environment in ({}, {"ENVIRONMENT": "production"}, {"ENVIRONMENT": "Development"}):
        with pytest.raises(Unwired, match=rf"^{setting}: .*plain transport is refused") as said:
            check_service({**GUARDED, **environment, setting: value}, stores=True)
        assert "\n" not in str(said.value)
    check_service({**GUARDED, "ENVIRONMENT": "development", setting: value}, stores=True)


def test_a_service_without_a_database_needs_no_kafka() -> None:
    check_service({k: v for k, v in GUARDED.items() if not k.startswith("KAFKA")}, stores=False)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://app:word@db:5432/consent",
        "postgresql://app:word@db:5432/consent?sslmode=require",
        "postgresql://app:word@db:5432/consent?sslmode=verify-ca&sslrootcert=/run/ca.pem",
        "postgresql://app:word@db:5432/consent?sslmode=verify-full",
        "postgresql://app:word@db:5432/consent?sslmode=verify-full&sslmode=disable&sslrootcert=/run/ca.pem",
        "postgresql://app:word@localhost.elsewhere.example/consent",
        "postgresql:///consent?host=db&user=app&password=word",
        "postgresql:///consent?host=/run/postgresql&host=db&password=word",
        "postgresql://app:word@db,localhost/consent",
        "postgresql:///consent?password=word",
        "postgresql://app:word@localhost/consent?host=db",
    ],
)
def test_a_database_without_checked_tls_is_refused(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(Unwired, match=r"^DATABASE_FILE: give each DSN `\?sslmode=verify-full") as said:
        check_database({}, "DATABASE_FILE", dsn)
    assert "word" not in str(said.value)
    file = tmp_path / "database.json"
    file.write_text(json.dumps({"app": CHECKED, "relay": dsn}))
    with pytest.raises(Unwired, match="KEYRING_DATABASE_FILE"):
        database_urls({"KEYRING_DATABASE_FILE": str(file)}, "KEYRING_DATABASE_FILE")
    check_database({"ENVIRONMENT": "development"}, "DATABASE_FILE", dsn)


@pytest.mark.parametrize("dsn", ["postgresql://app:w@/consent?host=/run/postgresql", "postgresql://app:w@127.0.0.1:5433/consent"])
def test_what_never_leaves_the_machine_needs_none(dsn: str) -> None:
    check_database({}, "DATABASE_FILE", dsn)


def test_the_owners_login_is_refused_by_a_running_service(tmp_path: Path) -> None:
    file = tmp_path / "database.json"
    file.write_text(json.dumps({"app": CHECKED, "relay": CHECKED, "owner": CHECKED}))
    for environment in ("development", "production"):
        with pytest.raises(Unwired, match="exactly `app` and `relay`"):
            database_urls({"DATABASE_FILE": str(file), "ENVIRONMENT": environment}, "DATABASE_FILE")


def test_witnesses_are_reached_over_tls() -> None:
    key = bytes([4]) + Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    vkey = f"w.example+{sha256(b'w.example' + bytes([10]) + key).digest()[:4].hex()}+{b64encode(key).decode()}"
    parse_witnesses(f"witness w {vkey} https://witness.example")
    for url in ("http://witness.example", "http://localhost.elsewhere.example", "http://127.0.0.1.elsewhere.example"):
        with pytest.raises(ValueError, match="reached over https"):
            parse_witnesses(f"witness w {vkey} {url}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_ends_with_one_line(service: str) -> None:
    kept = {k: v for k, v in os.environ.items() if k != "ENVIRONMENT"}
    command = [sys.executable, "-m", f"services.{service}"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert re.fullmatch(rf"{service} does not start: TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE: set them.*\n", done.stderr)


def test_one_shots_and_tools_refuse_it_too(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    assert acls.main({"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}) == 1
    assert "KAFKA_SECURITY_PROTOCOL" in caplog.text
    bao = {"BAO_ADDR": "http://openbao:8200", "BAO_TOKEN": "t", "KMS_TOKEN_FILE": "/t", "BAO_RECOVERY_FILE": "/r"}
    for main in (setup.main, first_start.main):
        assert main(bao) == 2
        assert "BAO_ADDR: give an https:// address" in capsys.readouterr().err
    with pytest.raises(Unwired, match="BAO_ADDR"):
        kms_of({**bao, "KMS_PROVIDER": "openbao"})
    for module, env in {
        "infra.postgres.provision": {"ADMIN_DATABASE_URL": "postgresql://a:word@db/postgres", "ROLE_PASSWORDS_FILE": "/dev/null"},
        "infra.kafka.topics": {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"},
    }.items():
        kept = {k: v for k, v in os.environ.items() if k != "ENVIRONMENT"}
        command = [sys.executable, "-m", module]
        done = subprocess.run(command, cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0 and "plain transport is refused" in done.stderr and "word" not in done.stderr, module


def test_every_setting_that_holds_an_address_is_checked() -> None:
    """Names of settings, as the services and the tools read them: a new one is either listed or is our own database's."""
    found: set[str] = set()
    for folder in ("services", "shared", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= set(re.findall(r"^[A-Z]+(?:_[A-Z]+)*_(?:URL|ADDR|ENDPOINT|ISSUER)$", node.value))
    assert found - {"DATABASE_URL", "ADMIN_DATABASE_URL", "OIDC_ISSUER"} <= set(ADDRESSES)

"""`make secrets`: keys, passwords and certificates of one deployment, a folder a container, each seeing only its own.

The folder itself is 0700 on the host; what is inside is mounted read-only into containers that run as another user.
Nothing is overwritten: an existing folder is refused.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from infra.compose.certificates import Authority
from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceKeys

DATABASES: Final[dict[str, tuple[str, ...]]] = {
    "postgres": ("consent", "session_notes", "alliance_measurement", "audit_log"),
    "postgres-keyring": ("keyring",),
}
"""PostgreSQL instance → its databases: the keyring has an instance of its own"""
HOSTS: Final[dict[ServiceName, str]] = {name: name.replace("_", "-") for name in ServiceName}
KAFKA_USERS: Final = ("admin", *sorted(n for n in ServiceName if n is not ServiceName.EHR_GATEWAY))


def make(folder: Path) -> None:
    """Writes everything, or raises FileExistsError before writing anything."""
    folder.mkdir(mode=0o700, parents=True)
    authority, random = Authority(), secrets.token_hex
    keys = {name: random(32) for name in ServiceName}
    directory = {n: ServiceKeys.from_seed(n, bytes.fromhex(seed)).public() for n, seed in keys.items()}
    passwords = {f"{d}_{r}": random(24) for ds in DATABASES.values() for d in ds for r in ("owner", "app", "relay")}
    kafka = {user: random(24) for user in KAFKA_USERS}
    for name, host in HOSTS.items():
        own = _folder(folder / host)
        _write(own / "seed.hex", keys[name])
        _write(own / "directory.json", json.dumps(directory, indent=1))
        authority.host(own, host, "localhost")
        if name is not ServiceName.EHR_GATEWAY:
            _write(own / "database.json", json.dumps(_urls("postgres", name, passwords)))
            _write(own / "kafka.env", f"KAFKA_USERNAME={name}\nKAFKA_PASSWORD={kafka[name]}\n")
    gate = folder / HOSTS[ServiceName.AUDIT_LOG]
    _write(gate / "keyring.json", json.dumps(_urls("postgres-keyring", "keyring", passwords)))
    _write(gate / "log-seed.hex", random(32))
    _identity(folder, authority, gate)
    for instance, databases in DATABASES.items():
        own = _folder(folder / instance)
        admin = random(24)
        _write(own / "password", admin)
        _write(own / "role-passwords.json", json.dumps({r: p for r, p in passwords.items() if r.rpartition("_")[0] in databases}))
        _write(own / "provision.env", f"ADMIN_DATABASE_URL=postgresql://postgres:{admin}@{instance}:5432/postgres\n")
    _broker(folder, authority, kafka)
    (_folder(folder / "kms-setup") / "ca.pem").write_bytes(authority.pem)
    bao = _folder(folder / "openbao")
    authority.host(bao, "openbao", "localhost")
    (bao / "unseal.key").write_bytes(secrets.token_bytes(32))
    authority.host(_folder(folder / "nginx"), os.environ.get("PUBLIC_HOST", "localhost"), "nginx", "localhost")
    _readable(folder)


def _broker(folder: Path, authority: Authority, passwords: dict[str, str]) -> None:
    own = _folder(folder / "kafka")
    authority.host(own, "kafka", "localhost")
    users = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{login} username="admin" password="{passwords["admin"]}" {users};'
    _write(own / "broker.env", f"KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG={jaas}\n")
    _write(own / "admin.env", f"KAFKA_USERNAME=admin\nKAFKA_PASSWORD={passwords['admin']}\n")


def _identity(folder: Path, authority: Authority, gate: Path) -> None:
    """For Keycloak, where its profile is used: its first administrator, and the client by which officers sign in."""
    own, secret = _folder(folder / "keycloak"), secrets.token_hex(24)
    authority.host(own, "keycloak", os.environ.get("PUBLIC_HOST", "localhost"), "localhost")
    admin = f"KC_BOOTSTRAP_ADMIN_USERNAME=admin\nKC_BOOTSTRAP_ADMIN_PASSWORD={secrets.token_hex(24)}\n"
    _write(own / "keycloak.env", f"{admin}SIGN_IN_SECRET={secret}\n")
    _write(gate / "sign-in-secret", secret)


def _urls(host: str, database: str, passwords: dict[str, str]) -> dict[str, str]:
    def url(role: str) -> str:
        return f"postgresql://{database}_{role}:{passwords[f'{database}_{role}']}@{host}:5432/{database}"

    return {role: url(role) for role in ("owner", "app", "relay")}


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _readable(folder: Path) -> None:
    """Containers run as other users than the one who made this; the outer folder (0700) guards it on the host."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(argv: list[str]) -> int:
    folder = Path(argv[1] if len(argv) > 1 else "secrets")
    try:
        make(folder)
    except FileExistsError:
        print(f"{folder} exists already. To make new secrets, move it away first: data sealed under the old is lost with it.")
        return 1
    print(f"{folder}/ made: keep a copy where neither the database backups nor the deployment's host can lose it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

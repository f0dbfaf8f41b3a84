"""`make secrets`: keys, passwords and certificates of one deployment: one folder for each container, which reads only its own.

The folder itself is 0700 on the host; what is inside is mounted read-only into containers that run as another user.
Nothing is overwritten: an existing folder is refused. With `--renew` its certificates and DSNs, and nothing else, are made anew.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from infra.compose.certificates import HOST_DAYS, Authority
from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceKeys

DATABASES: Final[dict[str, tuple[str, ...]]] = {
    "postgres": ("consent", "session_notes", "alliance_measurement", "audit_log"),
    "postgres-keyring": ("keyring",),
}
"""PostgreSQL instance → its databases: the keyring has an instance of its own"""
HOSTS: Final[dict[ServiceName, str]] = {name: name.replace("_", "-") for name in ServiceName}
OWNERS: Final = {"postgres": "migrate", "postgres-keyring": "migrate-keyring"}
"""PostgreSQL instance → folder of the one-shot that migrates its databases: nobody else has the owners' logins"""
TRUSTING: Final = ("kms-setup", *OWNERS.values())
"""folders of containers that check certificates and have none"""
KAFKA_USERS: Final = ("admin", *sorted(n for n in ServiceName if n is not ServiceName.EHR_GATEWAY))


def make(folder: Path) -> None:
    """Writes everything, or raises FileExistsError before writing anything."""
    folder.mkdir(mode=0o700, parents=True)
    random = secrets.token_hex
    keys = {name: random(32) for name in ServiceName}
    directory = {n: ServiceKeys.from_seed(n, bytes.fromhex(seed)).public() for n, seed in keys.items()}
    passwords = {f"{d}_{r}": random(24) for ds in DATABASES.values() for d in ds for r in ("owner", "app", "relay")}
    kafka = {user: random(24) for user in KAFKA_USERS}
    for name, host in HOSTS.items():
        own = _folder(folder / host)
        _write(own / "seed.hex", keys[name])
        _write(own / "directory.json", json.dumps(directory, indent=1))
        if name is not ServiceName.EHR_GATEWAY:
            _write(own / "kafka.env", f"KAFKA_USERNAME={name}\nKAFKA_PASSWORD={kafka[name]}\n")
    gate = folder / HOSTS[ServiceName.AUDIT_LOG]
    _write(gate / "log-seed.hex", random(32))
    _identity(folder, gate)
    for instance, databases in DATABASES.items():
        own = _folder(folder / instance)
        _write(own / "password", random(24))
        _write(own / "role-passwords.json", json.dumps({r: p for r, p in passwords.items() if r.rpartition("_")[0] in databases}))
    _broker(folder, kafka)
    (_folder(folder / "openbao") / "unseal.key").write_bytes(secrets.token_bytes(32))
    renew(folder)


def renew(folder: Path) -> None:
    """Writes every certificate anew, under a new authority, and every DSN. Keys, seeds and passwords stay as they are.

    For certificates that end, and for a folder that an older release made.
    """
    authority = Authority()
    for own, names in certified().items():
        authority.host(_folder(folder / own), *names)
    for own in TRUSTING:
        (_folder(folder / own) / "ca.pem").write_bytes(authority.pem)
    for instance, databases in DATABASES.items():
        passwords: dict[str, str] = json.loads((folder / instance / "role-passwords.json").read_text())
        admin = (folder / instance / "password").read_text()
        _write(folder / instance / "provision.env", f"ADMIN_DATABASE_URL={_url(instance, 'postgres', admin, 'postgres')}\n")
        for database in databases:
            urls = {p: _url(instance, f"{database}_{p}", passwords[f"{database}_{p}"], database) for p in ("app", "relay")}
            _write(folder / _database_file(database), json.dumps(urls))
        owners = {d: _url(instance, f"{d}_owner", passwords[f"{d}_owner"], d) for d in databases}
        _write(folder / OWNERS[instance] / "owners.json", json.dumps(owners))
    _readable(folder)


def _database_file(database: str) -> str:
    """Where the service that uses a database finds its DSNs."""
    return "audit-log/keyring.json" if database == "keyring" else f"{HOSTS[ServiceName(database)]}/database.json"


def certified() -> dict[str, tuple[str, ...]]:
    """Folder → names that its certificate holds for."""
    public = os.environ.get("PUBLIC_HOST", "localhost")
    servers = ("postgres", "postgres-keyring", "kafka", "openbao")
    own = {host: (host, "localhost") for host in (*HOSTS.values(), *servers)}
    return own | {"nginx": (public, "nginx", "localhost"), "keycloak": ("keycloak", public, "localhost")}


def _broker(folder: Path, passwords: dict[str, str]) -> None:
    own = _folder(folder / "kafka")
    users = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{login} username="admin" password="{passwords["admin"]}" {users};'
    _write(own / "broker.env", f"KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG={jaas}\n")
    _write(own / "admin.env", f"KAFKA_USERNAME=admin\nKAFKA_PASSWORD={passwords['admin']}\n")


def _identity(folder: Path, gate: Path) -> None:
    """For Keycloak, where its profile is used: its first administrator, and the client by which officers sign in."""
    own, secret = _folder(folder / "keycloak"), secrets.token_hex(24)
    admin = f"KC_BOOTSTRAP_ADMIN_USERNAME=admin\nKC_BOOTSTRAP_ADMIN_PASSWORD={secrets.token_hex(24)}\n"
    _write(own / "keycloak.env", f"{admin}SIGN_IN_SECRET={secret}\n")
    _write(gate / "sign-in-secret", secret)


def _url(host: str, role: str, password: str, database: str) -> str:
    """As a container of the deployment uses it: by TLS, and the server's certificate is checked."""
    checked = "sslmode=verify-full&sslrootcert=/run/secrets/app/ca.pem"
    return f"postgresql://{role}:{password}@{host}:5432/{database}?{checked}"


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _readable(folder: Path) -> None:
    """Containers run as other users than the one who made this; the outer folder (0700) guards it on the host."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(argv: list[str]) -> int:
    named = [argument for argument in argv[1:] if argument != "--renew"]
    folder = Path(named[0] if named else "secrets")
    if "--renew" in argv:
        renew(folder)
        print(f"{folder}/ has new certificates, for {HOST_DAYS} days: start every container anew.")
        return 0
    try:
        make(folder)
    except FileExistsError:
        print(f"{folder} exists already. To make new secrets, move it away first: data sealed under the old is lost with it.")
        return 1
    print(f"{folder}/ made: keep a copy where neither the database backups nor the deployment's host can lose it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

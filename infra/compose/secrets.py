"""`make secrets`: keys, passwords and certificates of one deployment: one folder for each container, which reads only its own.

The folder itself is 0700 on the host; what is inside is mounted read-only into containers that run as another user.
Nothing is overwritten: what an older release's folder lacks is added. With `--renew` the hosts' certificates alone are made anew.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
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
DATABASE_FILES: Final[dict[str, tuple[str, ...]]] = {
    **{database: (f"{HOSTS[ServiceName(database)]}/database.json",) for database in DATABASES["postgres"]},
    "keyring": ("audit-log/keyring.json", "kms-setup/keyring.json"),
}
"""database → files with the DSNs of its running roles. OpenBao's first start asks whether the keyring holds keys already"""
TRUSTING: Final = ("kms-setup", *OWNERS.values())
"""folders of containers that check certificates and have none"""
IRREPLACEABLE: Final = ("openbao/unseal.key", "audit-log/log-seed.hex")
"""without the first no data key opens, without the second no ledger goes on: never made anew beside other secrets"""
KAFKA_USERS: Final = ("admin", *sorted(n for n in ServiceName if n is not ServiceName.EHR_GATEWAY))


def make(folder: Path) -> list[str]:
    """Writes what is missing and overwrites nothing; gives the names of what was added. What is derived from the rest (DSNs, the
    broker's users, public keys) is written each time. ValueError where a file is missing that data depends on, or a
    certificate and the authority's key too."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _files(folder)
    lost = [name for name in IRREPLACEABLE if not (folder / name).exists()]
    if lost and any(file.parent.name != "authority" for file in before):
        raise ValueError(
            f"{', '.join(lost)}: missing in {folder}, and what was written so far depends on it. Restore it from your copy"
        )
    random = secrets.token_hex
    seeds = {name: _kept(folder / host / "seed.hex", lambda: random(32)) for name, host in HOSTS.items()}
    directory = {n: ServiceKeys.from_seed(n, bytes.fromhex(seed)).public() for n, seed in seeds.items()}
    for host in HOSTS.values():
        _write(folder / host / "directory.json", json.dumps(directory, indent=1))
    gate = folder / HOSTS[ServiceName.AUDIT_LOG]
    _kept(gate / "log-seed.hex", lambda: random(32))
    _identity(folder / "keycloak" / "keycloak.env", _kept(gate / "sign-in-secret", lambda: random(24)))
    _databases(folder)
    _broker(folder)
    if not (unseal := _folder(folder / "openbao") / "unseal.key").exists():
        unseal.write_bytes(secrets.token_bytes(32))
    certify(folder)
    _readable(folder)
    return sorted(str(file) for file in _files(folder) - before)


def certify(folder: Path, *, anew: bool = False) -> None:
    """A certificate for each host that has none; `anew`: for every host. ValueError where the authority's key is not there."""
    hosts = {own: names for own, names in certified().items() if anew or not (folder / own / "cert.pem").exists()}
    if not hosts and all((folder / own / "ca.pem").exists() for own in TRUSTING):
        return
    authority = _authority(_folder(folder / "authority"))
    for own, names in hosts.items():
        authority.host(_folder(folder / own), *names)
    for own in TRUSTING:
        (_folder(folder / own) / "ca.pem").write_bytes(authority.pem)


def renew(folder: Path) -> None:
    """Every host's certificate anew, under the authority that is kept. Keys, seeds and passwords stay as they are."""
    certify(folder, anew=True)
    make(folder)


def _authority(own: Path) -> Authority:
    """The one that is kept; a new one where there never was one (a first run, or a folder of an older release)."""
    if (own / "key.pem").exists():
        return Authority.kept(own)
    if (own / "ca.pem").exists():
        raise ValueError(f"{own}/key.pem is not here: put the authority's key back, make certificates, and take it away again")
    authority = Authority.made()
    authority.keep(own)
    return authority


def _databases(folder: Path) -> None:
    for instance, databases in DATABASES.items():
        own = _folder(folder / instance)
        admin = _kept(own / "password", lambda: secrets.token_hex(24))
        file = own / "role-passwords.json"
        passwords: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        for role in (f"{d}_{r}" for d in databases for r in ("owner", "app", "relay")):
            passwords.setdefault(role, secrets.token_hex(24))
        _write(file, json.dumps(passwords))
        _write(own / "provision.env", f"ADMIN_DATABASE_URL={_url(instance, 'postgres', admin, 'postgres')}\n")
        for database in databases:
            urls = {p: _url(instance, f"{database}_{p}", passwords[f"{database}_{p}"], database) for p in ("app", "relay")}
            for name in DATABASE_FILES[database]:
                _write(folder / name, json.dumps(urls))
        owners = {d: _url(instance, f"{d}_owner", passwords[f"{d}_owner"], d) for d in databases}
        _write(folder / OWNERS[instance] / "owners.json", json.dumps(owners))


def certified() -> dict[str, tuple[str, ...]]:
    """Folder → names that its certificate holds for."""
    public = os.environ.get("PUBLIC_HOST", "localhost")
    servers = ("postgres", "postgres-keyring", "kafka", "openbao")
    own = {host: (host, "localhost") for host in (*HOSTS.values(), *servers)}
    return own | {"nginx": (public, "nginx", "localhost"), "keycloak": ("keycloak", public, "localhost")}


def _broker(folder: Path) -> None:
    """A login for each user, in a file that its own container reads; the broker's list is made of them."""
    own = {user: "kafka/admin.env" if user == "admin" else f"{HOSTS[ServiceName(user)]}/kafka.env" for user in KAFKA_USERS}
    passwords = {}
    for user, file in own.items():
        text = _kept(folder / file, lambda user=user: f"KAFKA_USERNAME={user}\nKAFKA_PASSWORD={secrets.token_hex(24)}\n")  # type: ignore[misc]
        passwords[user] = text.partition("KAFKA_PASSWORD=")[2].strip()
    users = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    jaas = f'{login} username="admin" password="{passwords["admin"]}" {users};'
    _write(folder / "kafka" / "broker.env", f"KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG={jaas}\n")


def _identity(file: Path, secret: str) -> None:
    """For Keycloak, where its profile is used: its first administrator, and the client by which officers sign in."""
    admin = f"KC_BOOTSTRAP_ADMIN_USERNAME=admin\nKC_BOOTSTRAP_ADMIN_PASSWORD={secrets.token_hex(24)}\n"
    _kept(file, lambda: f"{admin}SIGN_IN_SECRET={secret}\n")


def _url(host: str, role: str, password: str, database: str) -> str:
    """As a container of the deployment uses it: by TLS, and the server's certificate is checked."""
    checked = "sslmode=verify-full&sslrootcert=/run/secrets/app/ca.pem"
    return f"postgresql://{role}:{password}@{host}:5432/{database}?{checked}"


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _write(path: Path, text: str) -> None:
    _folder(path.parent)
    path.write_text(text)


def _kept(path: Path, new: Callable[[], str]) -> str:
    """What the file holds, or what is written into it now."""
    if not path.exists():
        _write(path, new())
    return path.read_text()


def _readable(folder: Path) -> None:
    """Containers run as other users than the one who made this; the outer folder (0700) guards it on the host."""
    for path in folder.rglob("*"):
        if "authority" in path.parts:
            path.chmod(0o700 if path.is_dir() else 0o600)
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(argv: list[str], environ: Mapping[str, str] = os.environ) -> int:
    named = [argument for argument in argv[1:] if argument != "--renew"]
    folder = Path(named[0] if named else environ.get("SECRETS") or "secrets")
    try:
        if "--renew" in argv:
            renew(folder)
            print(f"{folder}/ has new certificates, for {HOST_DAYS} days: start every container anew.")
            return 0
        added = make(folder)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(added)} files added to {folder}/" if added else f"nothing is missing in {folder}/")
    if added:
        print("Keep a copy of it where neither the database backups nor this host can lose it.")
        print(f"Keep {folder}/authority/key.pem apart: nothing that runs needs it. It signs the next certificates.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

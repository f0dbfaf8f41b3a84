"""Prepares OpenBao for the keyring: transit engine, key, policies, and a periodic token for the service. Safe to repeat.

Run by compose as `python -m infra.openbao.setup` with

    BAO_ADDR            address of OpenBao, http(s)://host:port
    BAO_TOKEN           a token that may set all this up; not kept
    BAO_CACERT          CA bundle, where the address is https with a private CA
    KMS_TOKEN_FILE      where the service's token goes, mode 0600
    KMS_TOKEN_OWNER     numeric user id that the file is given to; absent: this user's
    KMS_TOKEN_PERIOD    seconds until the token ends if nobody renews it; 2592000 (30 days) where absent
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidRequest, VaultError

from shared.service.parts import Unwired
from shared.service.transport import check_addresses

MOUNT: Final = "transit"
KEY_NAME: Final = "data-keys"
SERVICE_POLICY: Final = "keyring"
OPERATOR_POLICY: Final = "keyring-operator"
TOKEN_PERIOD: Final = 30 * 86_400
"""seconds: a deployment that was stopped for less finds its token still good"""
START_TIMEOUT: Final = 60.0
"""seconds that a server which still starts is waited for"""
_HERE: Final = Path(__file__).parent


def client_of(url: str, token: str, *, verify: bool | str = True, timeout: float = 5) -> hvac.Client:
    session = requests.Session()
    session.trust_env = False
    session.verify = verify
    return hvac.Client(url=url, token=token, verify=verify, timeout=timeout, session=session, allow_redirects=False)


def prepare(client: hvac.Client) -> None:
    """Engine, key and policies."""
    if f"{MOUNT}/" not in client.sys.list_mounted_secrets_engines()["data"]:
        client.sys.enable_secrets_engine(MOUNT)
    try:
        client.secrets.transit.read_key(KEY_NAME)
    except VaultError:
        client.secrets.transit.create_key(
            KEY_NAME, derived=True, key_type="aes256-gcm96", exportable=False, allow_plaintext_backup=False
        )
    client.sys.create_or_update_policy(SERVICE_POLICY, (_HERE / "policy.hcl").read_text())
    client.sys.create_or_update_policy(OPERATOR_POLICY, (_HERE / "operator.hcl").read_text())


def service_token(client: hvac.Client, *, policy: str = SERVICE_POLICY, period: int = TOKEN_PERIOD) -> str:
    """A periodic token under that policy alone: it lives as long as somebody renews it within `period` seconds."""
    answer = client.auth.token.create_orphan(policies=[policy], period=f"{period}s", no_default_policy=True, renewable=True)
    return str(answer["auth"]["client_token"])


def still_holds(client: hvac.Client, token: str) -> bool:
    try:
        found = client.auth.token.lookup(token)["data"]
    except (Forbidden, InvalidRequest):
        return False
    return bool(found["policies"] == [SERVICE_POLICY])


def hand_over(path: Path, token: str, owner: int | None) -> None:
    """Whole or not at all, and never readable by others in between."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    if owner is not None:
        os.chown(fresh, owner, owner)
    fresh.rename(path)


def wait_until_ready(client: hvac.Client, *, timeout: float = START_TIMEOUT, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether the server is up, unsealed and (with Raft, which elects itself first) active within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            if not client.sys.is_sealed():
                leader = client.sys.read_leader_status()
                if not leader["ha_enabled"] or leader["is_self"]:
                    return True
        except (VaultError, requests.RequestException):
            pass
        sleep(0.2)
    return False


def main(environ: Mapping[str, str] = os.environ) -> int:
    missing = [name for name in ("BAO_ADDR", "BAO_TOKEN", "KMS_TOKEN_FILE") if not environ.get(name)]
    if missing:
        print(f"set {', '.join(missing)}", file=sys.stderr)
        return 2
    try:
        check_addresses(environ)
    except Unwired as refusal:
        print(refusal, file=sys.stderr)
        return 2
    client = client_of(environ["BAO_ADDR"], environ["BAO_TOKEN"], verify=environ.get("BAO_CACERT") or True)
    if not wait_until_ready(client):
        print("OpenBao is not reachable or sealed: start or unseal it, then run this again", file=sys.stderr)
        return 1
    try:
        prepare(client)
        path = Path(environ["KMS_TOKEN_FILE"])
        kept = path.read_text().strip() if path.exists() else ""
        if not kept or not still_holds(client, kept):
            owner = environ.get("KMS_TOKEN_OWNER")
            period = int(environ.get("KMS_TOKEN_PERIOD") or TOKEN_PERIOD)
            hand_over(path, service_token(client, period=period), int(owner) if owner else None)
    except VaultError as error:  # its own text quotes addresses
        print(f"OpenBao refused: {type(error).__name__}; is BAO_TOKEN allowed to set this up?", file=sys.stderr)
        return 1
    print(f"ready: key {MOUNT}/{KEY_NAME}, policies {SERVICE_POLICY} and {OPERATOR_POLICY}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

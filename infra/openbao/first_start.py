"""Start of a deployment's own OpenBao: `python -m infra.openbao.first_start`, run by compose before audit_log.

The first time it initialises OpenBao (unsealed by its key file, so the shares are recovery keys), prepares the keyring's part as
`infra.openbao.setup` does, hands the service's token over and revokes the root token. A start that was broken off goes on where
it stopped. Every later start only checks that the service's token may use the key. It never initialises an empty OpenBao while
this deployment already has keys: then the wrong volume is mounted, and new keys would hide that.

    BAO_ADDR, BAO_CACERT    where OpenBao is, and by which CA it is known
    KMS_TOKEN_FILE          where the service's token goes
    BAO_RECOVERY_FILE       where the recovery key goes: move it to a safe place after the first start
    KEYRING_DATABASE_FILE   DSNs of the keyring: whether it holds keys already
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import hvac
import requests
from hvac.exceptions import Forbidden, VaultError

from infra.openbao.setup import KEY_NAME, client_of, hand_over, prepare, service_token, wait_until_ready
from shared.service.parts import Unwired
from shared.service.run import database_urls
from shared.service.transport import check_addresses

ANSWERS_WITHIN: Final = 60.0
"""seconds"""
INITIALISED_WITHIN: Final = 180.0
"""seconds for one call: initialising writes a new store, and its answer, the only copy of the root token, must not be missed"""
_GUIDE: Final = "see docs/operations/openbao.md"


class Refused(Exception):
    """Why nothing was changed, and what to do; in words for an operator."""


def initialised(client: hvac.Client, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether it holds data already. TimeoutError where it does not answer."""
    deadline = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < deadline:
        try:
            return bool(client.sys.is_initialized())
        except (VaultError, requests.RequestException):
            sleep(0.3)
    raise TimeoutError


def setup_token_file(recovery_file: Path) -> Path:
    """Where the root token lies from the first answer until everything is prepared; then it is revoked and the file removed."""
    return recovery_file.with_name("setup-token")


def first_start(client: hvac.Client, token_file: Path, recovery_file: Path) -> None:
    """Initialises an empty OpenBao. VaultError where a step is refused: the next start goes on from there."""
    made = client.sys.initialize(recovery_shares=1, recovery_threshold=1)
    hand_over(setup_token_file(recovery_file), made["root_token"], None)
    hand_over(recovery_file, made["recovery_keys_base64"][0], None)
    finish(client, token_file, recovery_file)


def finish(client: hvac.Client, token_file: Path, recovery_file: Path) -> None:
    """Everything after the initialisation; safe to repeat."""
    setup_token = setup_token_file(recovery_file)
    client.token = setup_token.read_text().strip()
    if not wait_until_ready(client):
        raise VaultError("sealed")
    prepare(client)
    hand_over(token_file, service_token(client), None)
    client.auth.token.revoke_self()
    setup_token.unlink()


def token_holds(client: hvac.Client, token_file: Path) -> bool:
    """Whether the service's token may use the key: by a call that its policy grants. VaultError while OpenBao is sealed."""
    if not token_file.exists():
        return False
    if not wait_until_ready(client):
        raise VaultError("sealed")
    client.token = token_file.read_text().strip()
    try:
        client.secrets.transit.read_key(KEY_NAME)
    except Forbidden:
        return False
    return True


async def _holds_keys(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM keyring_tenant)"))
    finally:
        await connection.close()


def signs_of_earlier_keys(token_file: Path, recovery_file: Path, keyring: str) -> list[str]:
    """What shows that this deployment had keys already. `keyring`: the DSN of its database. asyncpg's errors, OSError."""
    found = [f"the file {file}" for file in (token_file, recovery_file) if file.exists()]
    return [*found, *(["rows in the keyring's database"] if asyncio.run(_holds_keys(keyring)) else [])]


def start(client: hvac.Client, token_file: Path, recovery_file: Path, keyring: str) -> str:
    """One line that says what was done. Refused, VaultError, TimeoutError, asyncpg's errors, OSError."""
    if not initialised(client):
        if signs := signs_of_earlier_keys(token_file, recovery_file, keyring):
            raise Refused(
                f"OpenBao is empty, but this deployment has had keys: {', '.join(signs)}. Nothing was changed. Its data volume "
                f"is missing or is another one: mount the right one, or restore it from a backup ({_GUIDE})"
            )
        first_start(client, token_file, recovery_file)
        return f"OpenBao is initialised; move {recovery_file} to a safe place"
    if setup_token_file(recovery_file).exists():
        finish(client, token_file, recovery_file)
        return f"OpenBao's broken-off first start is finished; move {recovery_file} to a safe place"
    if not token_holds(client, token_file):
        raise Refused(
            f"OpenBao refuses the service's token in {token_file}, or the file is missing. Nothing was changed. "
            f"Make a new token ({_GUIDE}, 'A new token for the service')"
        )
    return "OpenBao is ready; the service's token holds"


def main(environ: Mapping[str, str] = os.environ) -> int:
    try:
        check_addresses(environ)
        token_file, recovery_file = Path(environ["KMS_TOKEN_FILE"]), Path(environ["BAO_RECOVERY_FILE"])
        keyring = database_urls(environ, "KEYRING_DATABASE_FILE").app
    except Unwired as refusal:
        print(refusal, file=sys.stderr)
        return 2
    client = client_of(environ["BAO_ADDR"], "", verify=environ.get("BAO_CACERT") or True, timeout=INITIALISED_WITHIN)
    try:
        print(start(client, token_file, recovery_file, keyring))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
    except TimeoutError:
        print("OpenBao does not answer: look at its log", file=sys.stderr)
    except VaultError as error:  # its own text quotes addresses
        print(f"OpenBao refused, or is sealed: {type(error).__name__}; look at its log", file=sys.stderr)
    except (asyncpg.PostgresError, OSError) as error:
        print(f"the keyring's database does not answer ({type(error).__name__}): start it, then run this again", file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())

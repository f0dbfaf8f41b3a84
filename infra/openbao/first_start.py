"""First start of a deployment's own OpenBao: `python -m infra.openbao.first_start`, run by compose before audit_log.

Initialises it (unsealed by its key file, so the shares are recovery keys), prepares the keyring's part as `infra.openbao.setup`
does, hands the service's token over and revokes the root token. On later starts it only checks that the token holds.

    BAO_ADDR, BAO_CACERT   where OpenBao is, and by which CA it is known
    KMS_TOKEN_FILE         where the service's token goes
    BAO_RECOVERY_FILE      where the recovery key goes: move it to a safe place after the first start
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import hvac
import requests
from hvac.exceptions import Forbidden, VaultError

from infra.openbao.setup import client_of, hand_over, prepare, service_token, wait_until_ready
from shared.service.parts import Unwired
from shared.service.transport import check_addresses

ANSWERS_WITHIN: Final = 60.0
"""seconds"""
INITIALISED_WITHIN: Final = 180.0
"""seconds for one call: initialising writes a new store, and its answer, the only copy of the root token, must not be missed"""


def initialised(client: hvac.Client, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether it holds data already. TimeoutError where it does not answer."""
    deadline = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < deadline:
        try:
            return bool(client.sys.is_initialized())
        except (VaultError, requests.RequestException):
            sleep(0.3)
    raise TimeoutError


def first_start(client: hvac.Client, token_file: Path, recovery_file: Path) -> None:
    """VaultError where a step is refused."""
    made = client.sys.initialize(recovery_shares=1, recovery_threshold=1)
    hand_over(recovery_file, made["recovery_keys_base64"][0], None)
    client.token = made["root_token"]
    if not wait_until_ready(client):
        raise VaultError("sealed")
    prepare(client)
    hand_over(token_file, service_token(client), None)
    client.auth.token.revoke_self()


def token_holds(client: hvac.Client, token_file: Path) -> bool:
    if not token_file.exists() or not wait_until_ready(client):
        return False
    client.token = token_file.read_text().strip()
    try:
        client.auth.token.lookup_self()
    except Forbidden:
        return False
    return True


def main(environ: Mapping[str, str] = os.environ) -> int:
    token_file, recovery_file = Path(environ["KMS_TOKEN_FILE"]), Path(environ["BAO_RECOVERY_FILE"])
    try:
        check_addresses(environ)
    except Unwired as refusal:
        print(refusal, file=sys.stderr)
        return 2
    client = client_of(environ["BAO_ADDR"], "", verify=environ.get("BAO_CACERT") or True, timeout=INITIALISED_WITHIN)
    try:
        if not initialised(client):
            first_start(client, token_file, recovery_file)
            print(f"OpenBao is initialised; move {recovery_file} to a safe place")
        elif not token_holds(client, token_file):
            print(
                "the service's token does not hold: run infra.openbao.setup with a token that may make one. If this is the very "
                "first start and it was broken off, OpenBao's volume holds nothing yet: remove it and start again",
                file=sys.stderr,
            )
            return 1
    except TimeoutError:
        print("OpenBao does not answer: look at its log", file=sys.stderr)
        return 1
    except VaultError as error:
        print(f"OpenBao refused: {type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

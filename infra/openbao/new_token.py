"""A new token for the service, by the recovery key: `python -m infra.openbao.new_token`, where the old one has ended or is lost.

Run inside OpenBao's own network namespace (compose: `docker compose run --rm kms-token`), because only its loopback listener
takes such a request (infra/openbao/server.hcl). Every data key stays as it is.

    BAO_ADDR             OpenBao's loopback listener
    KMS_TOKEN_FILE       where the token goes
    BAO_RECOVERY_FILE    the recovery key; where the file is missing, the key is read from standard input
"""

import os
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

import hvac
import requests
from hvac.exceptions import InvalidRequest, VaultError

from infra.openbao.setup import client_of, hand_over, prepare, service_token, wait_until_ready


def root_token(client: hvac.Client, recovery_key: str) -> str:
    """A root token, made anew. InvalidRequest where the key is another one."""
    client.sys.cancel_root_generation()
    begun = client.sys.start_root_token_generation()
    made = client.sys.generate_root(recovery_key, begun["nonce"])
    encoded = made["encoded_token"]
    padded = b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(padded, begun["otp"].encode(), strict=True)).decode()


def main(environ: Mapping[str, str] = os.environ) -> int:
    recovery_file = Path(environ["BAO_RECOVERY_FILE"])
    recovery_key = (recovery_file.read_text() if recovery_file.exists() else sys.stdin.readline()).strip()
    client = client_of(environ["BAO_ADDR"], "")
    try:
        if not wait_until_ready(client):
            print("OpenBao does not answer, or is sealed: look at its log", file=sys.stderr)
            return 1
        client.token = root_token(client, recovery_key)
        prepare(client)
        hand_over(Path(environ["KMS_TOKEN_FILE"]), service_token(client), None)
        client.auth.token.revoke_self()
    except InvalidRequest:
        print("OpenBao does not take this recovery key. Nothing was changed", file=sys.stderr)
        return 1
    except (VaultError, requests.RequestException) as error:  # its own text quotes addresses
        print(f"OpenBao refused: {type(error).__name__}. Run this again: it is safe to repeat", file=sys.stderr)
        return 1
    print("the service has a new token; the audit log takes it up by itself")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""moto's server, a process of its own that speaks AWS's API on a loopback port. What it proves of AWS KMS, and what not, stands
in tests/integration/kms/test_kms_conformance.py."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from services.audit_log.keyring.adapters.kms.aws import AwsKms
from tests.support.ports import free_port

REGION = "eu-central-1"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True)
class Aws:
    url: str
    pid: int

    def kms(self, like: AwsKms | None = None) -> AwsKms:
        """A client of a name of its own, or of the name of another client."""
        name = like._alias.removeprefix("alias/").removesuffix("-v") if like is not None else f"test-{token_hex(4)}"
        return AwsKms(REGION, name=name, endpoint=self.url, timeout=5)


@contextlib.contextmanager
def running(home: Path) -> Iterator[Aws]:
    """The server; credentials stand in this process's environment until it ends, as a container's would."""
    port = free_port()
    with (home / "aws.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
        )
    before = {name: os.environ.get(name) for name in _CREDENTIALS}
    os.environ.update(_CREDENTIALS)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (home / "aws.log").read_text()[-800:]
            time.sleep(0.1)
        yield Aws(f"http://127.0.0.1:{port}", process.pid)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        process.terminate()
        process.wait(10)

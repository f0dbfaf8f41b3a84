"""A real nginx with the deployment's configuration: the `nginx` on the PATH, else the image of `NGINX_IMAGE` by docker."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from infra.compose.certificates import Authority
from tests.support import environment

MISSING: Final = "nginx on the PATH, or NGINX_IMAGE and a Docker engine"


@contextlib.contextmanager
def running(folder: Path, configuration: str, port: int) -> Iterator[Path]:
    """nginx with that `default.conf`, whose paths are in `folder`, once it listens; the authority of its certificate."""
    authority = Authority.made()
    authority.host(folder, "localhost")
    main = f"pid {folder}/pid; error_log {folder}/log; daemon off; events {{}} http {{ include {folder}/default.conf; }}"
    (folder / "nginx.conf").write_text(main)
    here = configuration.replace("/tmp/", f"{folder}/").replace("/run/secrets/app", str(folder))  # noqa: S108
    (folder / "default.conf").write_text(here)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    command = [*_command(folder), "nginx", "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        while not _listens(port):
            assert process.poll() is None, (folder / "said").read_text()[-2000:]
            time.sleep(0.05)
        yield folder / "ca.pem"
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _command(folder: Path) -> list[str]:
    if shutil.which("nginx"):
        return []
    image = os.environ.get("NGINX_IMAGE", "nginx:1.29")
    if (
        image
        and shutil.which("docker")
        and subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0
    ):
        owner = f"{os.getuid()}:{os.getgid()}"
        return ["docker", "run", "--rm", "--network=host", f"--user={owner}", f"--volume={folder}:{folder}", image]
    environment.not_run["what nginx says itself"] = MISSING
    pytest.skip(f"needs {MISSING}")

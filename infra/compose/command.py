"""Which compose this machine has."""

import shutil
import subprocess


class NoCompose(Exception):
    """Neither `docker compose` nor the older `docker-compose` is installed."""


def compose_command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    raise NoCompose("docker compose is not installed: install a Docker engine with compose")

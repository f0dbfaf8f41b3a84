"""A real Keycloak with the deployment's realm, as the compose profile starts it: the distribution in KEYCLOAK_HOME."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from infra.compose import secrets
from tests.support import environment
from tests.support.ports import free_port

ROOT: Final = Path(__file__).parents[2]
MISSING: Final = "a Keycloak: set KEYCLOAK_HOME to its folder (and have Java 17)"
_START_SECONDS: Final = 180


@dataclass(frozen=True)
class Keycloak:
    url: str
    authority: Path
    secret: str
    """of the officers' pages' client"""
    admin_password: str

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/clinic"

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)

    def add_person(self, name: str, password: str, **attributes: str) -> None:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self.admin_password}
        token = self._post("/realms/master/protocol/openid-connect/token", data=form).json()["access_token"]
        person = {
            "username": name,
            "email": f"{name}@clinic.example",
            "firstName": name,
            "lastName": "Example",
            "enabled": True,
            "emailVerified": True,
            "attributes": {k: [v] for k, v in attributes.items()},
            "credentials": [{"type": "password", "value": password, "temporary": False}],
        }
        self._post("/admin/realms/clinic/users", json=person, headers={"Authorization": f"Bearer {token}"})

    def _post(self, path: str, **sent: Any) -> requests.Response:
        answer = requests.post(self.url + path, verify=str(self.authority), timeout=20, **sent)
        answer.raise_for_status()
        return answer


def home() -> Path:
    found = os.environ.get("KEYCLOAK_HOME")
    if not found or not (Path(found) / "bin/kc.sh").exists():
        environment.not_run["signing in by Keycloak"] = MISSING
        pytest.skip(f"needs {MISSING}")
    return Path(found)


@contextmanager
def keycloak(folder: Path, public_url: str) -> Iterator[Keycloak]:
    secrets.make(folder / "secrets")
    own, installed = folder / "secrets/keycloak", folder / "keycloak"
    shutil.copytree(home(), installed, ignore=shutil.ignore_patterns("data"))
    (installed / "data/import").mkdir(parents=True)
    shutil.copy(ROOT / "infra/keycloak/clinic.json", installed / "data/import")
    made = dict(line.split("=", 1) for line in (own / "keycloak.env").read_text().split())
    port = free_port()
    url = f"https://localhost:{port}"
    env = {
        **os.environ,
        **made,
        "PUBLIC_URL": public_url,
        "KC_DB": "dev-file",
        "KC_HOSTNAME": url,
        "KC_HTTPS_PORT": str(port),
        "KC_HTTP_MANAGEMENT_PORT": str(free_port()),
        "KC_HTTPS_CERTIFICATE_FILE": str(own / "cert.pem"),
        "KC_HTTPS_CERTIFICATE_KEY_FILE": str(own / "key.pem"),
        "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m",
    }
    with (folder / "keycloak.log").open("wb") as log:
        process = subprocess.Popen([str(installed / "bin/kc.sh"), "start", "--import-realm"], env=env, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(f"{url}/realms/clinic", own / "ca.pem"):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Keycloak did not start:\n{(folder / 'keycloak.log').read_text()[-3_000:]}")
            time.sleep(0.5)
        yield Keycloak(url, own / "ca.pem", made["SIGN_IN_SECRET"], made["KC_BOOTSTRAP_ADMIN_PASSWORD"])
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str, authority: Path) -> bool:
    try:
        return requests.get(url, verify=str(authority), timeout=3).status_code == 200
    except requests.RequestException:
        return False

"""docker-compose.yml as text: who may do what in the deployment, and who sees whose secrets and networks."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from infra.compose.command import NoCompose
from infra.compose.command import compose_command as found
from infra.compose.secrets import make
from services.audit_log.officers.api.provider_sign_in import CALLBACK
from services.audit_log.settings import Settings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVERS = {"postgres", "postgres-keyring", "kafka", "openbao", "keycloak"}
"""images of others, which keep data on a volume and choose their own user"""
SERVICES = {"consent", "session-notes", "alliance-measurement", "audit-log", "ehr-gateway"}
ONCE = {"databases", "keyring-database", "migrate", "migrate-keyring", "topics", "kms-setup", "kms-token"}
SECRETS_OF = {"databases": "postgres", "keyring-database": "postgres-keyring", "topics": "kafka"}
"""one-shots, by whose folder they read; everybody else reads the folder of their own name"""


def block(name: str, text: str = TEXT, indent: str = "") -> str:
    """What stands under `name:` at that indentation."""
    found = re.search(rf"^{indent}{re.escape(name)}:.*\n((?:{indent} .*\n|\s*\n|\s*#.*\n)*)", text, re.M)
    assert found, name
    return found.group(0)


CONTAINERS = {name: block(name, block("services"), "  ") for name in re.findall(r"^  ([a-z-]+):$", block("services"), re.M)}
COMMON = block("x-service")


def networks(name: str) -> set[str]:
    if "    network_mode: service:openbao\n" in CONTAINERS[name]:
        return networks("openbao")
    found = re.search(r"^    networks: \[(.*)\]$", CONTAINERS[name], re.M)
    assert found, f"{name} is on the default network"
    return set(found.group(1).split(", "))


def test_nobody_is_forgotten_here() -> None:
    assert set(CONTAINERS) == SERVERS | SERVICES | ONCE | {"nginx"}


@pytest.mark.parametrize("name", sorted(SERVICES | ONCE | {"nginx"}))
def test_non_root_read_only_without_capabilities(name: str) -> None:
    own = CONTAINERS[name]
    if name != "nginx":
        assert "    <<: *service\n" in own
        assert not re.search(r"^    (user|read_only|cap_drop|cap_add|security_opt|tmpfs|image):", own, re.M), "weakens x-service"
        own = COMMON
    user = re.search(r'^ +user: "(\d+):(\d+)"$', own, re.M)
    assert user and 0 not in map(int, user.groups())
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert re.search(rf"^ +{re.escape(line)}$", own, re.M), line


@pytest.mark.parametrize("forbidden", ["privileged", "cap_add", "network_mode", "pid", "ipc", "devices"])
def test_nobody_is_given_the_host(forbidden: str) -> None:
    given = re.findall(rf"^\s+{forbidden}:.*$", TEXT, re.M)
    assert given == (["    network_mode: service:openbao"] if forbidden == "network_mode" else []), (
        "kms-token alone, for its loopback"
    )
    assert "docker.sock" not in TEXT


def test_only_nginx_and_the_login_are_reached_from_outside_and_by_default_from_this_host_alone() -> None:
    published = {n: re.findall(r"^    ports: (.*)$", b, re.M) for n, b in CONTAINERS.items() if "ports:" in b}
    assert published == {
        "keycloak": ['["${BIND:-127.0.0.1}:${IDENTITY_PORT:-8444}:8443"]'],
        "nginx": ['["${BIND:-127.0.0.1}:${HTTPS_PORT:-8443}:8443"]'],
    }
    assert {n for n in CONTAINERS if "edge" in networks(n)} == {"keycloak", "nginx"}
    assert networks("keycloak") == {"edge", "inside"} and "    profiles: [keycloak]" in CONTAINERS["keycloak"]
    assert {n for n in CONTAINERS if "egress" in networks(n)} == SERVICES, "who asks the issuer for its keys, and nobody else"
    for network in ("inside", "data", "keys"):
        assert f"  {network}: {{ internal: true }}\n" in block("networks")


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_each_sees_its_own_secrets_alone_and_cannot_change_them(name: str) -> None:
    folders = re.findall(r"\$\{SECRETS:-\./secrets\}/([a-z-]+)", CONTAINERS[name])
    assert set(folders) == ({SECRETS_OF.get(name, name)} - {"kms-token"}), "what makes a token reads the recovery key alone"
    for mounted in re.findall(r"\$\{SECRETS:-\./secrets\}/[a-z-]+:\S+", CONTAINERS[name]):
        assert re.search(r':ro["\],]*$', mounted), mounted


def test_who_holds_ciphertext_has_no_way_to_the_keys() -> None:
    assert {n for n in CONTAINERS if "keys" in networks(n)} == {
        "audit-log",
        "postgres-keyring",
        "openbao",
        "keyring-database",
        "migrate-keyring",
        "kms-setup",
        "kms-token",
    }
    assert networks("postgres-keyring") == networks("openbao") == {"keys"}
    assert "keys" not in networks("postgres") | networks("kafka") | networks("nginx")
    assert networks("ehr-gateway") == {"inside", "egress"}


def test_the_image_runs_as_that_user_too() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    users = re.findall(r"^USER (\S+)$", dockerfile, re.M)
    assert users == re.findall(r'^  user: "(\S+)"$', COMMON, re.M)
    assert "COPY . " not in dockerfile
    assert "secrets" not in "".join(re.findall(r"^COPY .*$", dockerfile, re.M))


def compose_command() -> list[str]:
    try:
        return found()
    except NoCompose as missing:
        pytest.skip(str(missing))


def test_compose_itself_understands_it(tmp_path: Path) -> None:
    command = compose_command()
    make(tmp_path / "secrets")
    env = {**os.environ, "SECRETS": str(tmp_path / "secrets"), "OIDC_ISSUER": "https://login.example.org/realms/clinic"}
    done = subprocess.run([*command, "config", "--services"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    # the older docker-compose names what stands behind a profile too
    assert set(done.stdout.split()) - {"keycloak"} == set(CONTAINERS) - {"keycloak"}
    refused = subprocess.run([*command, "config", "-q"], cwd=ROOT, env={**env, "OIDC_ISSUER": ""}, capture_output=True)
    assert refused.returncode != 0, "it must not start without an issuer"


def test_with_keycloak_officers_sign_in_there(tmp_path: Path) -> None:
    """The profile's own settings, as compose reads them: what the realm, the service and the secrets say agrees."""
    command = compose_command()
    make(tmp_path / "secrets")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SECRETS": str(tmp_path / "secrets")}
    # as COMPOSE_ENV_FILES would have it, which the older docker-compose does not know
    settings_of_profile = (ROOT / "infra/keycloak/compose.env").read_text().splitlines()
    env |= dict(line.split("=", 1) for line in settings_of_profile if not line.startswith("#"))
    done = subprocess.run([*command, "config"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    said = yaml.load(done.stdout, yaml.BaseLoader)  # noqa: S506 -- texts alone
    found = {name: s.get("environment", {}) for name, s in said["services"].items()}
    assert set(found) == set(CONTAINERS)
    gate, keycloak = found["audit-log"], found["keycloak"]
    settings = Settings.from_environment(
        gate | {"AUDIT_LOG_SIGN_IN_SECRET_FILE": str(tmp_path / "secrets/audit-log/sign-in-secret")}
    )
    assert settings.sign_in is not None and settings.sign_in.endpoints is not None
    (client,) = json.loads((ROOT / "infra/keycloak/clinic.json").read_text())["clients"]
    assert settings.sign_in.client_id == client["clientId"] and settings.sign_in.client_secret == keycloak["SIGN_IN_SECRET"]
    assert client["redirectUris"] == ["${PUBLIC_URL}" + CALLBACK] and keycloak["PUBLIC_URL"] == gate["PUBLIC_URL"]
    assert settings.sign_in.issuer == keycloak["KC_HOSTNAME"] + "/realms/clinic"
    assert gate["AUDIT_LOG_SIGN_IN_SECRET_FILE"] == "/run/secrets/app/sign-in-secret"

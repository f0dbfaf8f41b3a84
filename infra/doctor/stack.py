"""What can be seen of the running containers: their state, what the deployment says of its health, and a look inside each."""

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from infra.compose.command import Compose
from infra.doctor.finding import Finding, State, fault, warning, well

CLOCK_SECONDS: Final = 5
ONCE: Final = ("databases", "keyring-database", "migrate", "migrate-keyring", "topics", "kms-setup")
LOOKED_INTO: Final = ("consent", "session-notes", "alliance-measurement", "audit-log")
OPTIONAL: Final = ("keycloak", "kms-token")
"""of profiles that may be off"""
PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "database": ("Its database does not answer: every request of this service is refused.", "docker compose up -d postgres"),
    "background": (
        "A worker of it has ended: events are no longer sent or received.",
        "docker compose restart {service}; then read docker compose logs {service}",
    ),
    "ledger": ("This process does not lead the ledger: nothing can be opened.", "docs/operations/ledger.md"),
    "keyring": (
        "The keyring's database or OpenBao does not answer: nothing can be opened.",
        "docker compose up -d postgres-keyring openbao kms-setup; then docs/operations/openbao.md",
    ),
    "key_encryption_key": (
        "OpenBao does not open the keys of this keyring: no record can be read.",
        "docs/operations/openbao.md",
    ),
    "tenant_logs": ("The log of a tenant is refused: everybody of it is answered 503.", "docs/operations/ledger.md"),
    "issuer_keys": (
        "The issuer has given no good answer for too long: no token is accepted.",
        "Check OIDC_JWKS_URL, its certificate and the network egress: docs/operations/deploy.md",
    ),
}
"""part of `/health/ready` → what it means while it is false, and what mends it"""


def containers_of(compose: Compose) -> dict[str, dict[str, Any]]:
    """Service → what the engine says of its container; empty where none was made."""
    ids = compose.said("ps", "-a", "-q").stdout.split() or compose.said("ps", "-q").stdout.split()
    if not ids:
        return {}
    inspected = subprocess.run(["docker", "inspect", *ids], capture_output=True, text=True, timeout=60)
    return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in json.loads(inspected.stdout or "[]")}


def last_words(compose: Compose, service: str) -> str:
    """The newest line by which a service says why it does not start."""
    lines = compose.said("logs", "--no-color", "--tail", "40", service).stdout.splitlines()
    told = [line.partition("|")[2].strip() or line for line in lines]
    return next((line for line in reversed(told) if "does not start" in line), told[-1] if told else "it wrote nothing")[:300]


def check_compose(compose: Compose) -> Iterator[Finding]:
    done = compose.said("config", "-q")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        yield fault("compose", last[:300], "The stack cannot be started.", "Set what it names: docs/operations/deploy.md")


def check_containers(compose: Compose, containers: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    wanted = [name for name in compose.said("config", "--services").stdout.split() if name not in OPTIONAL]
    bad = 0
    for name in sorted({*wanted, *(n for n in containers if n in OPTIONAL and n != "kms-token")}):
        finding = _container(compose, name, containers.get(name))
        if finding is not None:
            bad += 1
            yield finding
    if not bad:
        yield well("containers", f"{len(wanted)} as they should be")


def _container(compose: Compose, name: str, found: Mapping[str, Any] | None) -> Finding | None:
    check = f"container {name}"
    why = "The others wait for it." if name in ONCE else "What it serves is refused."
    if found is None:
        return fault(check, "was not made", why, "docker compose up -d")
    state = found["State"]
    if state.get("OOMKilled"):
        return fault(check, "was ended for want of memory", why, f"Give it more memory; docker compose up -d {name}")
    if name in ONCE:
        if state["Status"] == "exited" and state["ExitCode"] == 0:
            return None
        if state["Status"] in ("running", "created"):
            return warning(check, "has not ended yet", why, f"docker compose logs {name}")
        return fault(check, f"ended with {state['ExitCode']}: {last_words(compose, name)}", why, "docker compose up -d")
    if state["Status"] != "running" or (found.get("RestartCount", 0) and state["Status"] == "restarting"):
        return fault(check, f"{state['Status']}: {last_words(compose, name)}", why, f"docker compose up -d {name}")
    health = state.get("Health", {}).get("Status", "healthy")
    if health == "starting":
        return warning(check, "is still starting", why, f"docker compose logs {name}")
    if health != "healthy":
        return fault(check, f"says that it is not ready: {last_words(compose, name)}", why, f"docker compose logs {name}")
    return None


def check_health(url: str, authority: Path) -> Iterator[Finding]:
    context = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=10, context=context) as answer:  # noqa: S310 -- our own PUBLIC_URL
            body, date = json.loads(answer.read()), answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        text, date = error.read(), error.headers.get("Date")
        try:
            body = json.loads(text)
        except ValueError:
            body = {}
        if "services" not in body:
            yield fault("health", f"{url} answers {error.code}", "Nobody is served.", "docker compose up -d ehr-gateway nginx")
            return
    except (OSError, ValueError) as error:
        yield fault(
            "health", f"{url}: {type(error).__name__}", "Nobody is served.", "docker compose up -d nginx; check PUBLIC_URL"
        )
        return
    yield from told_by(body)
    if date and abs(ahead := (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()) > CLOCK_SECONDS:
        yield fault(
            "clock",
            f"the server's clock is {ahead:+.0f} s from this one",
            "Tokens and signatures are refused.",
            "Set the clocks by NTP",
        )


def told_by(body: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings of one answer of `/health/ready`."""
    bad = 0
    for name, said in body["services"].items():
        service = name.replace("_", "-")
        if said["status"] == "away":
            bad += 1
            yield fault(f"health {service}", "does not answer", "What it serves is refused.", f"docker compose up -d {service}")
        for part, holds in said["parts"].items():
            if not holds:
                bad += 1
                why, mend = PARTS.get(part, ("A part of it does not work.", "docker compose logs {service}"))
                yield fault(f"health {service}", f"{part} is not ready", why, mend.format(service=service))
    if not bad:
        yield well("health", "every service says that it is ready")


def look_inside(compose: Compose, services: Sequence[str] = LOOKED_INTO) -> Iterator[Finding]:
    """What `infra.doctor.inside` finds in each container, with that container's own logins."""
    for service in services:
        done = compose.said("exec", "-T", service, "python", "-m", "infra.doctor.inside")
        try:
            found = [Finding(**{**one, "state": State(one["state"])}) for one in json.loads(done.stdout)]
        except (ValueError, TypeError):
            continue  # a container that does not run was told of above
        yield from (Finding(f"{service}: {one.check}", one.state, one.said, one.why, one.mend) for one in found)

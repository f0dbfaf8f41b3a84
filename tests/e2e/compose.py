"""`make test-compose`: the deployed stack, up under a project name of its own, tells the story, and is taken down.

Base images come from the environment (PYTHON_IMAGE, POSTGRES_IMAGE, KAFKA_IMAGE, NGINX_IMAGE, OPENBAO_IMAGE), else from the
file that IMAGES_ENV names, else they are the public ones. KEEP=1 leaves the stack up.
"""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import aiohttp

from infra.compose import secrets
from infra.compose.command import compose_command
from tests.e2e.issuer import Issuer
from tests.e2e.rest import Rest
from tests.e2e.story import CANARY, PRIVATE_CANARY, Story

ROOT = Path(__file__).parents[2]
PORT = int(os.environ.get("HTTPS_PORT", "18443"))
READY_SECONDS = 180
OPERATED = (("up", "-d"), ("run", "--rm", "kms-token"))
"""what the pages of docs/operations have an operator type after `docker compose`: each is run here"""


def images() -> dict[str, str]:
    file = Path(os.environ.get("IMAGES_ENV", ROOT.parent / "shared/standin-images/images.env"))
    if "PYTHON_IMAGE" in os.environ or not file.is_file():
        return {}
    lines = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in lines} | {"BUILD_NETWORK": "host"}


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer, self.command, self.project = Issuer(), compose_command(), f"story{uuid4().hex[:8]}"
        secrets.make(folder / "secrets")
        self.issuer.write_jwks(folder / "issuer")
        for path in (folder, folder / "issuer"):
            path.chmod(0o755)
        self.authority = folder / "secrets/nginx/ca.pem"
        self.env = {**os.environ, **images(), **self.issuer.environment}
        self.env |= {
            "SECRETS": str(folder / "secrets"),
            "OIDC_JWKS_DIR": str(folder / "issuer"),
            "OIDC_JWKS_FILE": "/run/issuer/jwks.json",
            "HTTPS_PORT": str(PORT),
            "APP_IMAGE": f"alliance-record:{self.project}",
            "PUBLIC_URL": f"https://localhost:{PORT}",
        }

    def compose(self, *arguments: str, quiet: bool = True) -> str:
        done = subprocess.run(
            [*self.command, "-p", self.project, *arguments], cwd=ROOT, env=self.env, text=True, capture_output=quiet
        )
        if done.returncode != 0:
            raise RuntimeError(f"compose {' '.join(arguments)}:\n{(done.stderr or '')[-3000:]}")
        return done.stdout or ""

    def logs(self) -> str:
        return self.compose("logs", "--no-color")


async def ready(rest: Rest) -> None:
    """`/health/ready` through nginx, which speaks for every service, says so; and each of them answers."""
    probes = ["/v1/consents?client_id=x", "/v1/notes?client_id=x", "/v1/instruments", "/v1/audit/entries", "/fhir/R4/metadata"]
    end, nobody = perf_counter() + READY_SECONDS, rest.as_("probe", "intake")
    for probe in ["/health/ready", *probes]:
        while True:
            try:
                answer = await nobody.call("GET", probe)
                if answer.status not in (502, 503, 504):
                    break
            except aiohttp.ClientError:
                pass
            if perf_counter() > end:
                raise RuntimeError(f"not ready within {READY_SECONDS} s: {probe}")
            await asyncio.sleep(1)


_PROBE = """
import asyncio, asyncpg, json, sys
async def main():
    for file in sys.argv[1:]:
        for role, dsn in json.load(open(file)).items():
            connection = await asyncpg.connect(dsn)
            row = await connection.fetchrow("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            await connection.close()
            try:
                await asyncpg.connect(dsn.partition("?")[0], ssl=False)
                plain = "taken"
            except asyncpg.InvalidAuthorizationSpecificationError:
                plain = "refused"
            try:
                await asyncpg.connect(dsn.replace("/run/secrets/app/ca.pem", "/etc/ssl/certs/ca-certificates.crt"))
                unknown = "taken"
            except OSError:
                unknown = "refused"
            print(role, *row.values(), plain, unknown)
asyncio.run(main())
"""
"""each login of a container: by which TLS it comes in, what a plain connection gets, and one that does not know the authority"""


def databases_are_guarded(stack: Stack) -> None:
    """Every running role comes in by TLS 1.3 alone, and no container of a service has another login."""
    files = {"consent": 1, "session-notes": 1, "alliance-measurement": 1, "audit-log": 2}
    for service, count in files.items():
        named = ["/run/secrets/app/database.json", "/run/secrets/app/keyring.json"][:count]
        said = sorted(stack.compose("exec", "-T", service, "python", "-c", _PROBE, *named).split("\n"))
        if said != ["", *["app True TLSv1.3 refused refused"] * count, *["relay True TLSv1.3 refused refused"] * count]:
            raise RuntimeError(f"the databases of {service} are not guarded: {said}")


def doctor(stack: Stack) -> set[str]:
    """Checks in which doctor finds a fault."""
    command = [sys.executable, "-m", "infra.doctor", "--json", "-p", stack.project]
    done = subprocess.run(command, cwd=ROOT, env=stack.env, text=True, capture_output=True)
    found = {one["check"] for one in json.loads(done.stdout) if one["state"] == "fault"}
    if done.returncode != (1 if found else 0):
        raise RuntimeError(f"doctor ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return found


BROKEN = {
    ("stop", "consent"): {"container consent", "health consent"},
    ("stop", "openbao"): {"container openbao", "health audit-log"},
    ("stop", "kafka"): {"container kafka"},
}
"""what is done to the running stack, and where doctor has to find it at least"""


def doctor_finds_each_fault(stack: Stack) -> None:
    if found := doctor(stack):
        raise RuntimeError(f"doctor finds faults in a stack that is well: {found}")
    for command, expected in BROKEN.items():
        stack.compose(*command)
        found = doctor(stack)
        print(f"after `{' '.join(command)}` doctor names {', '.join(sorted(found))}", flush=True)
        if not expected <= found:
            raise RuntimeError(f"doctor does not name {expected - found}")
        stack.compose("up", "-d")


def operated(stack: Stack) -> None:
    """The start repeated, a new token of the KMS, and every container made anew: what was written can still be read."""
    for command in (*OPERATED, ("up", "-d", "--force-recreate")):
        print(f"docker compose {' '.join(command)} …", flush=True)
        stack.compose(*command)


async def backed_up_and_restored(stack: Stack, rest: Rest, folder: Path) -> None:
    """Backed up while clients are registered; then every volume is lost. What was acknowledged before the backup is there."""
    intake = rest.as_("intake-backup", "intake")
    made: list[tuple[datetime, str]] = []

    async def register() -> None:
        while True:
            answer = await intake.post(
                "/v1/clients", {"name": f"Test Person {len(made)}", "birth_date": "1990-01-01"}, want=(201, 503)
            )
            if answer.status == 201:
                made.append((datetime.now(UTC), answer.id))

    writing = asyncio.create_task(register())
    backup = [sys.executable, "-m", "infra.backup", "-p", stack.project]
    await asyncio.sleep(1)
    await called(stack, [*backup, "make", str(folder)])
    writing.cancel()
    until = datetime.fromisoformat(json.loads((folder / "manifest.json").read_text())["made_at"])
    kept = [client for at, client in made if at < until]
    print(f"backed up under load: {len(kept)} clients before it, {len(made) - len(kept)} after", flush=True)
    print("every volume and secret is lost …", flush=True)
    await asyncio.to_thread(stack.compose, "down", "-v", "--timeout", "5")
    shutil.rmtree(stack.env["SECRETS"])
    await called(stack, [*backup, "restore", str(folder), "--by", "ana", "--second", "ben"])
    await ready(rest)
    for client in kept:
        await intake.get(f"/v1/clients/{client}")
    new = await intake.post("/v1/clients", {"name": "After The Restore", "birth_date": "1990-01-01"})
    await intake.get(f"/v1/clients/{new.id}")
    if found := await asyncio.to_thread(doctor, stack):
        raise RuntimeError(f"doctor finds faults after the restore: {found}")
    print(f"restored: {len(kept)} of {len(kept)} clients are there", flush=True)


async def called(stack: Stack, command: list[str]) -> None:
    done = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=stack.env, stderr=asyncio.subprocess.PIPE)
    _, error = await done.communicate()
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:])}: {error.decode()[-2000:]}")


async def tell(stack: Stack) -> None:
    context = ssl.create_default_context(cafile=str(stack.authority))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        rest = Rest(session, f"https://localhost:{PORT}", stack.issuer.mint, "compose-clinic", ssl=context)
        await ready(rest)
        print("the stack is ready", flush=True)
        await asyncio.to_thread(databases_are_guarded, stack)
        print("every database is reached by TLS alone", flush=True)

        async def interlude() -> None:
            for broken in ("kafka", "postgres"):
                print(f"restarting {broken} …", flush=True)
                await asyncio.to_thread(stack.compose, "restart", broken)
                await ready(rest)

        story = Story(rest, interlude=interlude, patience=60)
        told = await story.tell()
        print(f"revocation felt after {told.revocation_ms:.0f} ms", flush=True)
        logs = await asyncio.to_thread(stack.logs)
        for canary in (CANARY, PRIVATE_CANARY):
            if canary in logs:
                raise RuntimeError("a canary sentence stands in the logs")
        await asyncio.to_thread(doctor_finds_each_fault, stack)
        await ready(rest)
        await asyncio.to_thread(operated, stack)
        await ready(rest)
        await backed_up_and_restored(stack, rest, stack.folder / "backup")
        read = await story.marsh.get(f"/v1/notes/{told.progress_note}")
        if CANARY not in read.text:
            raise RuntimeError("a note cannot be read after the containers were made anew and restored")
        await story.erasure()
        await asyncio.to_thread(stack.compose, "restart", "audit-log", "session-notes", "consent", "alliance-measurement")
        await ready(rest)
        await story.it_is_unreadable()
    print("the story was told: 1 passed, 0 failed", flush=True)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="compose-story-"))
    stack = Stack(folder)
    try:
        print("building and starting the stack …", flush=True)
        stack.compose("build", "databases")
        stack.compose("up", "-d")
        asyncio.run(tell(stack))
    except BaseException:
        if not os.environ.get("KEEP"):
            print(stack.logs()[-20_000:])
        raise
    finally:
        if not os.environ.get("KEEP"):
            stack.compose("down", "-v", "--timeout", "5")
            subprocess.run(["docker", "image", "rm", "-f", stack.env["APP_IMAGE"]], capture_output=True)
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

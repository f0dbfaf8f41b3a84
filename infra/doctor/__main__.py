"""`make doctor`: what is wrong with this deployment, why it matters, and the command that mends it. It changes nothing.

    python -m infra.doctor [--json] [-p PROJECT]

Before the first start it looks at settings, secrets, certificates, memory, disk and ports; once containers run also at these, at
the deployment's health, schemas and events. Ends with 1 where it finds a fault, with 0 where there are warnings at most.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.compose.command import Compose, NoCompose, settings
from infra.doctor import files, stack
from infra.doctor.finding import Finding, State, fault, warning

ROOT = Path(__file__).parents[2]
_MARK = {State.WELL: "  ok   ", State.WARNING: "  soon ", State.FAULT: "  BAD  "}


def findings(root: Path, environ: Mapping[str, str], project: str | None) -> Iterator[Finding]:
    env = settings(root, environ)
    folder = root / (env.get("SECRETS") or "secrets")
    said = list(files.check_settings(env))
    yield from said
    yield from files.check_secrets(folder)
    yield from files.check_certificates(folder, env, files.now())
    yield from files.check_machine()
    try:
        compose = Compose(root, env, project)
    except NoCompose as missing:
        yield fault("compose", str(missing), "The stack cannot be started.", "Install Docker with compose")
        return
    if all(one.state is State.WELL for one in said):  # else compose only repeats what is missing
        yield from stack.check_compose(compose)
    containers = stack.containers_of(compose)
    yield from files.check_port(env, running="nginx" in containers)
    if not containers:
        yield warning("containers", "none was made yet", "This is so before the first start.", "docker compose up -d")
        return
    yield from stack.check_containers(compose, containers)
    yield from stack.check_health(env.get("PUBLIC_URL") or "https://localhost:8443", folder / "nginx/ca.pem")
    yield from stack.look_inside(compose)


def main(argv: list[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.doctor", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON list instead of lines for people")
    parser.add_argument("-p", "--project", help="compose's project name, where it is not the folder's")
    chosen = parser.parse_args(argv)
    found = []
    for one in findings(ROOT, environ, chosen.project):
        found.append(one)
        if not chosen.json:
            print(f"{_MARK[one.state]}{one.check}: {one.said}", flush=True)
            if one.state is not State.WELL:
                print(f"         why:  {one.why}\n         mend: {one.mend}", flush=True)
    if chosen.json:
        print(json.dumps([one.as_json() for one in found], indent=1))
    faults = sum(one.state is State.FAULT for one in found)
    if not chosen.json:
        print(f"{faults} faults" if faults != 1 else "1 fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

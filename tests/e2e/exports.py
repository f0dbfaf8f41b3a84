"""A client's record exported through the REST surface, and opened as the client would: by the command, offline."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.e2e.processes import ROOT
from tests.e2e.rest import Answer, Person
from tests.e2e.surface import problem

PASSPHRASE = "nine lanterns, one slow ferry"


@dataclass(frozen=True)
class Exported:
    headers: dict[str, str]
    content: bytes

    @property
    def entries(self) -> list[int]:
        return [int(i) for i in self.headers["Audit-Entry"].split(",")]


@dataclass(frozen=True)
class Opened:
    """What the command wrote."""

    folder: Path

    def text(self, kind: str) -> str:
        """All pages of that ending together."""
        return "\n".join(p.read_text() for p in sorted(self.folder.glob(f"*.{kind}")))

    def records(self, key_class: str) -> list[Any]:
        pages = [orjson.loads(p.read_bytes()) for p in sorted(self.folder.glob(f"{key_class}-*.json"))]
        return [record for page in pages for record in page["records"]]

    def excluded(self) -> list[Any]:
        abouts = [orjson.loads(p.read_bytes()) for p in sorted(self.folder.glob("about-*.json"))]
        return [one for about in abouts for one in about["excluded"]]


async def key_pair(person: Person, passphrase: str = PASSPHRASE) -> dict[str, Any]:
    made: dict[str, Any] = (await person.post("/v1/export-keys", {"passphrase": passphrase})).json
    return made


async def ask(person: Person, client_id: str, body: Any, **headers: str) -> Exported | Answer:
    """The archive, or the refusal."""
    path = f"/v1/clients/{client_id}/export"
    sent = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    sent |= {k.replace("_", "-"): v for k, v in headers.items()}
    rest = person.rest
    async with rest.session.post(rest.origin(path) + path, data=orjson.dumps(body), headers=sent, ssl=rest.ssl) as got:
        found = {k.title(): v for k, v in got.headers.items()}
        content = await got.read()
    return Exported(found, content) if got.status == 200 else Answer(got.status, found, content.decode())


async def export(person: Person, client_id: str, body: Any = None) -> Exported:
    made = await ask(person, client_id, await key_pair(person) if body is None else body)
    assert isinstance(made, Exported), made
    return made


async def refused(person: Person, client_id: str, body: Any, status: int) -> Any:
    answer = await ask(person, client_id, body)
    assert isinstance(answer, Answer), "nobody but the client, or who acts for them, has an archive"
    return problem(answer, status)


def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return python("-m", "infra.export", *arguments, typed=typed, folder=ROOT)


def python(*arguments: str, typed: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, cwd=folder, timeout=120, check=False)


def opened(exported: Exported, folder: Path, *, passphrase: str = PASSPHRASE, key: Path | None = None) -> Opened:
    file = folder / "record.zip"
    file.write_bytes(exported.content)
    with_key = ("--key", str(key)) if key is not None else ()
    done = run("open", str(file), "--to", str(folder / "record"), *with_key, typed=passphrase + "\n")
    assert done.returncode == 0, done.stderr
    return Opened(folder / "record")

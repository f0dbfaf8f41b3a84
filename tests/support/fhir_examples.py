"""The FHIR R4 specification's own Consent examples: HL7's package `hl7.fhir.r4.examples` (CC0), by npm, its hash pinned here."""

import fcntl
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from base64 import b64decode
from functools import cache
from pathlib import Path
from typing import Final

from tests.support import environment

PACKAGE: Final = "hl7.fhir.r4.examples@4.0.1"
SHA512: Final = b64decode("DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw==")
_PREFIX: Final = "package/Consent-consent-example-"
_SECONDS: Final = 120


@cache
def consent_examples() -> Path | None:
    """The directory of `Consent-consent-example-*.json`, kept from the first time on; None where npm cannot fetch them."""
    folder = Path.home() / ".cache" / "alliance-record" / PACKAGE.replace("@", "-")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir() and (why := _fetch(folder)):
            environment.not_run["FHIR R4 Consent examples"] = why
            return None
    environment.used["FHIR R4 Consent examples"] = f"the specification's own ({PACKAGE})"
    return folder


def _fetch(folder: Path) -> str | None:
    """Why they cannot be had; None once they are there."""
    npm = shutil.which("npm")
    if npm is None:
        return "no `npm` on the path"
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        try:
            done = subprocess.run([npm, "pack", PACKAGE], cwd=work, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return "npm takes too long"
        packed = next(Path(work).glob("*.tgz"), None)
        if done.returncode != 0 or packed is None:
            return "npm cannot fetch the package"
        if hashlib.sha512(packed.read_bytes()).digest() != SHA512:
            raise RuntimeError(f"{PACKAGE} is not what its hash says")
        made = Path(work) / "examples"
        made.mkdir()
        with tarfile.open(packed) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.startswith(_PREFIX) else None
                if content is not None:
                    (made / Path(member.name).name).write_bytes(content.read())
        made.rename(folder)
    return None

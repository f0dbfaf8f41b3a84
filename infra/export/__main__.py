"""`python -m infra.export open ARCHIVE --to FOLDER [--key FILE]`: a client's exported record, opened offline.

Asks for the passphrase, or takes the private key (JWK) from a file. The folder must be new: it holds the record in the clear
then, for its owner alone. `python -m infra.export key FILE` makes a key pair instead: the private half stays in the file, the
public one is printed, to be sent as `public_key`.

Exit code 0 where the archive was whole; 1 where it was not, or did not open; 2 where it could not be looked at.
"""

import argparse
import json
import os
import sys
from getpass import getpass
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from infra.export.contents import contents_page
from infra.progress import Progress
from shared.export.opening import Archive, ArchiveBroken
from shared.export.passphrase import WrongPassphrase
from shared.export.recipient import Key

KINDS: dict[str, type[Key]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}


class CannotLook(Exception):
    """What was asked for cannot be done with these files."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.export", description="A client's exported record.")
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("open", help="open an archive into a new folder")
    opening.add_argument("archive", type=Path)
    opening.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="a folder that is not there yet")
    opening.add_argument("--key", type=Path, metavar="FILE", help="private key (JWK); without it a passphrase is asked for")
    making = commands.add_parser("key", help="make a key pair: the private half into a file, the public one is printed")
    making.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        if given.command == "key":
            make_key(given.file)
        else:
            open_into(given.archive, given.to, given.key)
    except CannotLook as error:
        print(error, file=sys.stderr)
        return 2
    except (ArchiveBroken, WrongPassphrase) as error:
        print(f"NOT OPENED, OR NOT WHOLE: {error}", file=sys.stderr)
        return 1
    return 0


def open_into(archive: Path, folder: Path, key_file: Path | None) -> None:
    """CannotLook, ArchiveBroken, WrongPassphrase. What was opened before a page that is broken stays in the folder."""
    if not archive.is_file():
        raise CannotLook(f"there is no file {archive}")
    if folder.exists():
        raise CannotLook(f"{folder} is there already: name a new folder")
    with archive.open("rb") as file, Archive(file) as opened:
        key = opened.key(_passphrase()) if key_file is None else private_key(key_file)
        folder.mkdir(mode=0o700, parents=True)
        progress, names, done = None, [], 0
        for one in opened.files(key):
            progress = progress or Progress(one.pages, "pages opened")
            progress.step(one.done - done)
            done = one.done
            _write(folder / one.name, one.content)
            names.append(one.name)
        if progress is not None:
            progress.close()
        _write(folder / "index.html", contents_page(names, list(opened.abouts.values())))
    print(f"whole: {done} pages. Begin with {folder / 'index.html'}; the folder holds the record in the clear")


def private_key(file: Path) -> Key:
    """CannotLook where the file holds none."""
    try:
        jwk = json.loads(file.read_text())
        key = KINDS[jwk["kty"]].import_key(jwk)
        if not key.is_private:
            raise CannotLook(f"{file} holds the public key: the private one is needed")
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise CannotLook(f"{file} holds no private key as a JWK of kind EC, OKP or RSA") from None
    return key


def make_key(file: Path) -> None:
    """CannotLook where the file is there already."""
    pair = ECKey.generate_key("P-256", private=True)
    try:
        _write(file, json.dumps(pair.as_dict(private=True)).encode())
    except FileExistsError:
        raise CannotLook(f"{file} is there already: a key is not written over") from None
    print(json.dumps({"public_key": pair.as_dict(private=False)}))


def _passphrase() -> str:
    return getpass("passphrase: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _write(path: Path, content: bytes) -> None:
    """For its owner alone; never over another file."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Looking for words in every file of some folders, as bytes: also where they are spelled otherwise, or lie in a ZIP archive."""

import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import orjson


def spellings(secret: str) -> Iterable[bytes]:
    yield secret.encode()
    yield secret.lower().encode()
    yield orjson.dumps(secret)[1:-1]
    yield secret.encode().hex().encode()
    yield secret.encode("utf-16-le")
    # base64 of the middle, at each of the three alignments
    for shift in range(3):
        middle = secret.encode()[shift : shift + (len(secret) - shift) // 3 * 3]
        yield b64encode(middle)
        yield urlsafe_b64encode(middle)


def hunt(
    folders: Iterable[Path], words: Iterable[str], *, spelled: Iterable[str] = (), without: Collection[Path] = ()
) -> dict[str, list[str]]:
    """Which word stands in which file, but for folders `without`; those `spelled` are looked for in every spelling."""
    needles = {word: {word.encode()} for word in words} | {word: set(spellings(word)) for word in spelled}
    found: dict[str, list[str]] = {word: [] for word in needles}
    for folder in folders:
        for file in (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and not _within(p, without)):
            for content in _contents(file):
                for word, spelled_so in needles.items():
                    if any(needle in content for needle in spelled_so):
                        found[word].append(str(file))
    return found


def _within(file: Path, folders: Collection[Path]) -> bool:
    return any(parent in folders for parent in file.parents)


def _contents(file: Path) -> Iterator[bytes]:
    """What is in the file, and in what it packs."""
    try:
        yield file.read_bytes()
    except OSError:
        return
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                yield archive.read(name)

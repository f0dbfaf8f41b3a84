"""Pages are sealed as they fill, an archive opens whole or says what is wrong with it."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey

from shared.contracts.records import KeyClass, ServiceName
from shared.export.opening import PARTS, Archive, ArchiveBroken
from shared.export.pages import PAGE_BYTES, PAGE_RECORDS, PartWriter
from shared.export.recipient import recipient_of

KEY = ECKey.generate_key("P-256", private=True)
PUBLIC = recipient_of(KEY.as_dict(private=False))
CANARY = "a lantern on the jetty"


async def part(service: ServiceName, records: list[tuple[KeyClass, dict[str, Any]]]) -> list[bytes]:
    writer = PartWriter(service, PUBLIC)
    lines = [line for key_class, record in records async for line in writer.add(key_class, "note", record)]
    return lines + [line async for line in writer.end({"excluded": []})]


async def pages(count: int = 1) -> list[bytes]:
    """Pages of all parts in order; the first part has `count` records."""
    found: list[bytes] = []
    for service in PARTS:
        notes = [(KeyClass.PROGRESS_NOTE, {"id": str(n), "text": f"{CANARY} {n}"}) for n in range(count)]
        found += (await part(service, notes if service is PARTS[0] else []))[:-1]
    return found


def archive(lines: list[bytes], first: int = 1) -> BytesIO:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for number, line in enumerate(lines, start=first):
            packed.writestr(f"{number:04}.jwe", line.strip())
    file.seek(0)
    return file


def files_of(file: BytesIO, key: ECKey = KEY) -> dict[str, bytes]:
    with Archive(file) as opened:
        return {f.name: f.content for f in opened.files(key)}


async def test_what_was_put_in_comes_out_as_json_and_as_html() -> None:
    lines = await pages(PAGE_RECORDS + 1)
    assert not any(CANARY.encode() in line for line in lines)
    files = files_of(archive(lines))
    assert {"progress_note-session_notes-0001.json", "progress_note-session_notes-0002.html", "about-consent.json"} <= set(files)
    first = orjson.loads(files["progress_note-session_notes-0001.json"])
    second = orjson.loads(files["progress_note-session_notes-0002.json"])
    assert [r["id"] for r in first["records"] + second["records"]] == [str(n) for n in range(PAGE_RECORDS + 1)]
    assert first["class"] == "progress_note"
    assert f"{CANARY} 7".encode() in files["progress_note-session_notes-0001.html"]


async def test_a_page_is_closed_by_size_and_by_class() -> None:
    long = {"text": "x" * (PAGE_BYTES // 2)}
    lines = await part(ServiceName.SESSION_NOTES, [(KeyClass.PROGRESS_NOTE, long)] * 5 + [(KeyClass.MEASURES, {"erased": True})])
    *sealed, end = lines
    assert end == b"end 5\n"
    assert len(sealed) == 5, "three of long notes, one of another class, one about"


async def test_the_about_counts_what_was_erased() -> None:
    lines = await part(ServiceName.CONSENT, [(KeyClass.MEASURES, {"erased": True}), (KeyClass.MEASURES, {})])
    with pytest.raises(ArchiveBroken, match="session_notes, alliance_measurement, audit_log"), Archive(archive(lines[:-1])) as a:
        list(a.files(KEY))
    assert a.abouts["consent"]["classes"] == {"measures": {"records": 2, "erased": 1, "pages": 1}}


async def test_html_shows_words_as_words() -> None:
    writer = PartWriter(PARTS[0], PUBLIC)
    bad = {"sections": {"<b>": "<script>alert(1)</script> & 'so'\nnext"}, "erased": True, "none": None, "list": [1, True]}
    lines = [line async for line in writer.add("progress_note", "<i>note", bad)]
    lines += [line async for line in writer.end({})][:-1]
    with Archive(archive(lines)) as opened:
        page = next(f.content for f in opened.files(KEY) if f.name == "progress_note-session_notes-0001.html").decode()
    assert "<script>" not in page
    assert "<b>" not in page and "<i>" not in page
    assert "&lt;script&gt;" in page
    assert "Erased: its key was destroyed" in page
    assert 'lang="en"' in page and "default-src 'none'" in page


BREAKS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a page is missing": (lambda p: p[1:], "out of order"),
    "the last page is missing": (lambda p: [p[0], *p[2:]], "pages are missing"),
    "a part is missing": (lambda p: p[:-1], "audit_log is missing"),
    "a page stands twice": (lambda p: [p[0], p[0], *p[1:]], "out of order"),
    "a page was changed": (lambda p: [p[0][:-10] + b"AAAAAAAAA\n", *p[1:]], "was changed"),
    "a page is no JWE": (lambda p: [b"hello", *p[1:]], "was changed"),
    "nothing is in it": (lambda p: [], "is missing"),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_an_archive_that_is_not_whole_says_so(name: str) -> None:
    change, words = BREAKS[name]
    with pytest.raises(ArchiveBroken, match=words):
        files_of(archive(change(await pages(PAGE_RECORDS + 1))))


async def test_a_stranger_puts_nothing_on_the_readers_disk() -> None:
    """Whoever holds the public key can seal a page: its names are looked at all the same."""
    for name in ("../evil.json", "/etc/x.json", "a/b.json", "page.exe", "CON.json"):
        inner = BytesIO()
        with zipfile.ZipFile(inner, "w") as packed:
            packed.writestr(name, "{}")
        with pytest.raises(ArchiveBroken, match="no page"):
            files_of(archive([PUBLIC.seal(inner.getvalue(), "application/zip")]))


async def test_another_key_and_a_cut_file() -> None:
    whole = archive(await pages())
    with pytest.raises(ArchiveBroken, match="another"):
        files_of(whole, ECKey.generate_key("P-256", private=True))
    with pytest.raises(ArchiveBroken, match="cut off"):
        files_of(BytesIO(whole.getvalue()[:-30]))
    with Archive(whole) as opened, pytest.raises(ArchiveBroken, match="public key"):
        opened.key("no passphrase opens this")

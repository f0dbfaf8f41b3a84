"""The words of a PDF that fpdf2 wrote: content streams, read through the embedded font's ToUnicode map (ISO 32000-1, 9.10)."""

import re
import zlib

_STREAM = re.compile(rb"<<(?:[^<>]|<<[^<>]*>>)*?>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_PAIR = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4,})>\s*$", re.MULTILINE)
_STRING = re.compile(rb"\(((?:\\.|[^\\()])*)\)", re.DOTALL)
_ESCAPED = re.compile(rb"\\(\r\n|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_of(pdf: bytes) -> str:
    """All text in the order in which it was drawn, on one line."""
    streams = [_inflated(found) for found in _STREAM.findall(pdf)]
    glyphs = {int(a, 16): bytes.fromhex(b.decode()).decode("utf-16-be") for s in streams for a, b in _PAIR.findall(s)}
    said: list[str] = []
    for stream in streams:
        if b" Tj" in stream or b"] TJ" in stream:
            said += [_text(_unescaped(s), glyphs) for s in _STRING.findall(stream)]
    return " ".join(" ".join(said).split())


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def _unescaped(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]), text)


def _text(text: bytes, glyphs: dict[int, str]) -> str:
    if not glyphs:
        return text.decode("latin-1")
    return "".join(glyphs.get(int.from_bytes(text[n : n + 2]), "?") for n in range(0, len(text), 2))

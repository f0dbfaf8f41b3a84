"""One cookie of a request (RFC 6265, 4.2.1), read in time proportional to its header."""

from collections.abc import Iterable


def cookie(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    """The value as it was set, without any unquoting: ours are base64url, hexadecimal or a token. The last of that name, as
    browsers send the one with the shortest path last. `headers` are those of an ASGI scope. None where there is none."""
    found = None
    for key, value in headers:
        if key == b"cookie":
            for part in value.decode("latin-1").split(";"):
                given, _, text = part.strip().partition("=")
                if given == name:
                    found = text
    return found

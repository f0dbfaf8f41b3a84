"""A low-cost caller of the gate: one signed HTTP/1.1 request after another on a plain connection, no client library.

`HttpGate` spends more time in its HTTP client than the gate spends on the answer; on a machine where both share the cores, that
would measure the client.
"""

import asyncio

import msgspec

from shared.contracts.disclosure import DisclosureAnswer, DisclosureRequest
from shared.identity.assertions import ServiceCaller

PATH = "/v1/disclosures"
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DisclosureAnswer)


class RawGate:
    """`callers` connections, each used by one request at a time."""

    def __init__(self, port: int, caller: ServiceCaller) -> None:
        self._port, self._caller = port, caller
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        """RuntimeError for any status but 200."""
        body = _encoder.encode(request)
        headers = self._caller.headers("POST", PATH, "", body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"Content-Length": len(body), **headers}.items())
        head = f"POST {PATH} HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n{lines}\r\n"
        connection = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = connection
        writer.write(head.encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        raw = await reader.readexactly(length)
        if not answered.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the gate answered {answered[:15]!r}")
        self._free.append(connection)
        return _decoder.decode(raw)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()

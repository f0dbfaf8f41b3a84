"""An ASGI application on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from shared.service.parts import ASGIApp


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0, tls: Path | None = None) -> AsyncIterator[str]:
    """`async with serving(app) as base_url`: uvicorn in this loop, on a free loopback port unless one is named.
    `tls`: a folder with cert.pem and key.pem."""
    # named TCP, because asyncio switches Nagle off for sockets that say so alone: 40 ms an answer
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        files = {"ssl_certfile": tls / "cert.pem", "ssl_keyfile": str(tls / "key.pem")} if tls else {}
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False, **files))  # type: ignore[arg-type]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task

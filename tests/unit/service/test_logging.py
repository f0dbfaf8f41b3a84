"""What fails is logged by its type and place: an exception's words might quote what was sent or opened."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECRET = "the heron waits by the weir"
_FAILING = """
import asyncio, gc, sys
from uuid import uuid4
from starlette.responses import StreamingResponse
from shared.http.app import create_app
from shared.service.serve import configure_logging, server

configure_logging()
app = create_app("consent", "test", new_id=uuid4, checks={})

def quoting():
    try:
        raise KeyError("canary: " + sys.argv[1])
    except KeyError as error:
        raise ValueError("canary: " + sys.argv[1]) from error

@app.get("/broken")
async def broken():
    async def body():
        yield b"first"
        quoting()
    return StreamingResponse(body())

@app.get("/failing")
async def failing():
    quoting()

async def lost():
    quoting()

async def ask(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n".encode())
    answer = await reader.read()
    writer.close()
    return answer

async def main():
    serving = server(app, host="127.0.0.1", port=0)
    task = asyncio.create_task(serving.serve())
    while not serving.started:
        await asyncio.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    assert b"first" in await ask(port, "/broken")
    assert b"canary" not in await ask(port, "/failing")
    orphan = asyncio.create_task(lost())
    await asyncio.sleep(0)
    del orphan
    gc.collect()
    serving.should_exit = True
    await task

asyncio.run(main())
"""


def test_no_log_line_quotes_an_exception() -> None:
    """Not where an answer breaks off, which the server logs, nor where a task's failure is noticed by nobody but the loop."""
    done = subprocess.run(
        [sys.executable, "-c", _FAILING, SECRET], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert SECRET not in told and "canary" not in told
    assert "ValueError" in told and "quoting" in told, "what it was, and where, is told"
    for said in ("Exception in ASGI application", "Task exception was never retrieved", "failed: ValueError"):
        assert said in told, "the control: each failure was logged"

"""`make run`: everything on one port, with a demo clinic."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import uvloop

from infra.demo.build import worked_courses
from infra.embedded.demo import Demo, demo_clinic
from infra.embedded.runtime import Embedded, EmbeddedSettings
from shared.identity.development import NotDevelopment, require_development
from shared.service.memory import no_core_dumps
from shared.service.run import place_from, serve_until_signalled
from shared.service.serve import configure_logging, port_is_free, server, tune_collector
from shared.service.watchdog import watched
from shared.values.time import Place

BANNER = """
  ┌────────────────────────────────────────────────────────────────────────────┐
  │  For trying out. One process holds keys and ciphertext here, anyone may    │
  │  make a token, and only this machine can reach it. No real client's data.  │
  └────────────────────────────────────────────────────────────────────────────┘
"""


async def serve(host: str, port: int, data_dir: Path, admin_dsn: str | None, place: Place, *, wanted: bool) -> None:
    """`wanted`: the worked courses are made, in the background."""
    url = f"http://{host}:{port}"
    print(f"starting PostgreSQL and five services (data in {data_dir}) …", flush=True)
    settings = EmbeddedSettings(data_dir=data_dir, public_url=url, admin_dsn=admin_dsn, place=place)
    async with watched(), Embedded(settings) as running:
        tune_collector()
        web = server(running.app, host=host, port=port)
        serving = asyncio.create_task(serve_until_signalled(web, running.leaving))
        while not web.started and not serving.done():
            await asyncio.sleep(0.02)
        if web.started:
            async with aiohttp.ClientSession() as session:
                demo = await demo_clinic(session, url, data_dir / "demo.json")
            print(BANNER + welcome(url, demo, running.postgres_origin), flush=True)
        courses = asyncio.create_task(worked_courses(url, data_dir / "courses.json")) if wanted else None
        await serving
        if courses is not None and not courses.done():
            courses.cancel()
    print("stopped; the data stays", flush=True)


def welcome(url: str, demo: Demo, postgres: str) -> str:
    lines = [
        f"  {url}/dev/people    start here: be the client, the therapist, the compliance officer",
        "",
        f"  {url}/              what is here, with each service's reference",
        f"  {url}/health/ready  every part's state        PostgreSQL: {postgres}",
        "",
        "  A demo clinic (tenant `demo`): client Noor Haddad, therapist Dr. Lena Marsh. Tokens, for twelve hours:",
        "",
        *(f"  export {name}={token}" for name, token in demo.tokens.items()),
        f"  export CLIENT_ID={demo.client_id}",
        "",
        "  Worth trying:",
        "",
        "  1. the therapist reads the note; Audit-Entry names the ledger entry that let her",
        f'     curl -si {url}/v1/notes/{demo.note_id} -H "Authorization: Bearer $THERAPIST"',
        "  2. the alliance, session by session: one drop consistent with strain, and its repair",
        f'     curl -s "{url}/v1/clients/{demo.client_id}/alliance?instrument=wai-sr" -H "Authorization: Bearer $THERAPIST"',
        "  3. the client asks who has read the record",
        f'     curl -s {url}/v1/audit/clients/{demo.client_id}/access-report -H "Authorization: Bearer $CLIENT"',
        "",
        "  Six worked courses of half a year each are being made now, dated by a clock that exists in development alone;",
        "  `make tour` then walks through one of them.",
        "",
        "  Ctrl-C ends it; a second start finds the data again.",
    ]
    return "\n".join(lines)


def main() -> None:
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8100"))
    try:
        require_development(os.environ.get("ENVIRONMENT"), host)
    except NotDevelopment as error:
        sys.exit(f"infra.embedded does not start: {error}.")
    if not port_is_free(host, port):
        sys.exit(f"{host}:{port} is taken by another process. End it, or choose another: PORT=8200 make run")
    no_core_dumps()
    configure_logging()
    data_dir = Path(os.environ.get("DATA_DIR", ".data")).resolve()
    wanted = os.environ.get("DEMO_COURSES", "1") != "0"
    uvloop.run(serve(host, port, data_dir, os.environ.get("DATABASE_URL"), place_from(os.environ), wanted=wanted))


if __name__ == "__main__":
    main()

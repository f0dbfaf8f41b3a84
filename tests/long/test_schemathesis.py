"""Schemathesis over each service's OpenAPI document, as four callers: no 5xx, no status and no media type that the document does
not name, every answer valid against its schema. Half a minute each, ten minutes in all.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from shared.contracts.records import ServiceName
from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Rest
from tests.e2e.surface import Clinic
from tests.support.postgres import server_directory

pytestmark = pytest.mark.long
ROLES: Final = ("therapist", "compliance_officer", "client", "ehr_system")
SECONDS: Final = int(os.environ.get("SCHEMATHESIS_SECONDS", "600")) // (len(ROLES) * len(ServiceName))
CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
)


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedProcess]:
    with server_directory() as folder:
        process = EmbeddedProcess(folder)
        process.start()
        yield process
        process.stop()


async def parameters(running: EmbeddedProcess) -> dict[str, str]:
    """Ids that exist, so that calls get further than 404. A parameter that is not named here is made up."""
    async with aiohttp.ClientSession() as session:
        clinic = await Clinic(Rest(session, running.url, running.mint, "schemathesis")).open()
        consent = await clinic.agreed()
        made = await clinic.asked()
        return {
            "client_id": clinic.client_id,
            "id": clinic.client_id,
            "consent_id": consent,
            "session_id": await clinic.held(),
            "note_id": await clinic.progress(),
            "administration_id": made.id,
            "outcome_id": (
                await clinic.marsh.post(f"/v1/clients/{clinic.client_id}/outcomes", {"measure": "gaf", "score": 61})
            ).id,
            "instrument_id": "wai-sr",
            "instrument": "wai-sr",
            "index": "3",
            "tenant": "schemathesis",
            "marsh": clinic.marsh.sub,
        }


@pytest.fixture(scope="module")
def known(running: EmbeddedProcess) -> dict[str, str]:
    return asyncio.run(parameters(running))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("service", ServiceName)
def test_every_answer_is_as_its_document_says(
    running: EmbeddedProcess, known: dict[str, str], tmp_path: Path, service: ServiceName, role: str
) -> None:
    ids = {**known}
    therapist = ids.pop("marsh")
    own = {"client_id": ids["client_id"]} if role == "client" else {}
    sub = therapist if role == "therapist" else f"st-{role}"
    token = running.mint(sub=sub, role=role, tenant="schemathesis", **own)
    config = tmp_path / "schemathesis.toml"
    config.write_text("[parameters]\n" + "".join(f'"path.{k}" = "{v}"\n"query.{k}" = "{v}"\n' for k, v in ids.items()))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{running.url}/openapi/{service}.json", "--url", running.url),
        *("--header", f"Authorization: Bearer {token}", "--header", 'If-Match: W/"1"'),
        *("--checks", CHECKS, "--max-time", str(SECONDS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
        *("--seed", "14", "--suppress-health-check", "all", "--no-color", "--warnings", "off"),
    ]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS * 10 + 300)
    assert said.returncode == 0, said.stdout[-12_000:].replace(token, "…") + said.stderr[-2_000:]
    assert "No issues found" in said.stdout

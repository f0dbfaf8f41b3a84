"""What is served over FHIR, judged by HAPI's validator: no error. Needs Java and Maven, which fetches the validator once."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.ehr_gateway.domain.capability import capability_statement
from shared.contracts.consent_policy import ConsentKind
from shared.service import clock
from tests.integration.consent.fhir_consents import consent, post
from tests.integration.consent.world import Clinic

HAPI = Path(__file__).parent / "hapi"
BASE = "/fhir/R4"
PROVISIONS: list[dict[str, Any]] = [
    {
        "type": "permit",
        "actors": ["lena.marsh", "a sub that is no FHIR id"],
        "purposes": ["TREAT"],
        "actions": ["access", "search"],
        "labels": ["PSY", "R"],
        "period": {"start": "2026-01-01"},
    },
    {"type": "permit", "roles": ["therapist"], "data_period": {"start": "2026-01-01", "end": "2026-06-30"}},
]


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()[-2_000:]
    return out.decode()


@pytest.mark.long
async def test_everything_served_is_valid_r4(clinic: Clinic, tmp_path: Path) -> None:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("no Java and Maven here: HAPI's validator cannot run")
    shown: list[dict[str, Any]] = [capability_statement(base_url="https://r.example", on=clock.now().date(), version="1")]
    for kind in ConsentKind:
        for policy in (
            {"base": "permit"},
            {"base": "deny", "provisions": PROVISIONS},
            {"base": "permit", "dialect": "pcf", "provisions": [{"type": "deny", "actors": ["somebody"]}]},
        ):
            made = await clinic.intake.post("/v1/consents", clinic.form(kind=kind, elements={}, policy=policy))
            shown.append((await clinic.intake.get(f"{BASE}/Consent/{made.id}")).json)
    # what a sender put in stays theirs to answer for: this one is valid
    sent = await post(clinic.intake, consent(clinic, extension=None, text=None))
    shown += [
        sent.json,
        (await clinic.intake.get(f"{BASE}/Consent/{sent.id}/_history")).json,
        (await clinic.intake.get(f"{BASE}/Consent?patient={clinic.client_id}&_count=3")).json,
        (await clinic.intake.get(f"{BASE}/Provenance?target=Consent/{sent.id}")).json,
        (await clinic.intake.get(f"{BASE}/Consent", want=400)).json,
    ]
    for i, resource in enumerate(shown):
        (tmp_path / f"{i}.json").write_bytes(orjson.dumps(resource))
    jars = tmp_path / "jars"
    await run("mvn", "-q", "-B", "-f", str(HAPI / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
    said = await run("java", "-cp", f"{jars}/*", str(HAPI / "Validate.java"), str(tmp_path))
    wrong = [line for line in said.splitlines() if line.split(" ", 2)[1] in ("ERROR", "FATAL")]
    assert not wrong, "\n".join(wrong)
    assert "WARNING" in said  # it did look

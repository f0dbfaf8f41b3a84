"""`make import`: broken off and run again nothing doubles; at its end every score reads back equal and the ledger verifies."""

import asyncio
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest

from infra.importer.course import THERAPIST
from tests.e2e.embedded import ROOT, EmbeddedProcess
from tests.e2e.rest import Answer, Rest

REAL = ROOT.parent / "shared/data/bdi_by_session.csv"


def importing(embedded: EmbeddedProcess, file: Path | str, tenant: str, *options: str, **more: str) -> subprocess.Popen[str]:
    env = {**os.environ, "URL": embedded.url, "TENANT": tenant, **more}
    return subprocess.Popen(
        [sys.executable, "-m", "infra.importer", *options, str(file)],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate, None, 300)
    return process.returncode, out, err


async def outcomes(rest: Rest) -> int:
    officer = rest.as_("officer", "compliance_officer")
    found, cursor = 0, ""
    while True:
        page = (await officer.get(f"/v1/audit/entries?action=create&outcome=permit&limit=200{cursor}")).json
        found += sum(1 for e in page["items"] for r in e["records"] if r["record_type"] == "outcome")
        if not page["next"]:
            return found
        cursor = f"&cursor={page['next']}"


async def test_broken_off_and_run_again(embedded: EmbeddedProcess, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    rows = [f"{c},{s},{(c * 7 + s * 3) % 60},{'NA' if (c + s) % 4 == 0 else s + 10}" for c in range(1, 7) for s in range(1, 6)]
    table = tmp_path / "scores.csv"
    table.write_text('"id","s","bdi","rq"\n' + "\n".join(rows) + "\n")
    scores = sum(2 - ("NA" in r) for r in rows)
    rest = Rest(session, embedded.url, embedded.mint, "import-twice")

    first = importing(embedded, table, rest.tenant)
    while await outcomes(rest) < 5:
        assert first.poll() is None, first.stderr and first.stderr.read()
        await asyncio.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    await finished(first)

    for _ in range(2):
        code, out, err = await finished(importing(embedded, table, rest.tenant))
        assert code == 0, err
        assert f"6 clients, 30 sessions, {scores} scores" in out
        assert "100%" in err
    assert await outcomes(rest) == scores


async def test_a_wrong_file_is_refused_whole(embedded: EmbeddedProcess, tmp_path: Path) -> None:
    table = tmp_path / "wrong.csv"
    table.write_text("id,s,bdi\n1,1,12\n1,1,13\n2,zero,9\n3,1,many\n")
    code, out, err = await finished(importing(embedded, table, "import-wrong"))
    assert code == 2
    assert not out
    for line in ("line 3", "line 4", "line 5"):
        assert line in err


async def history(rest: Rest) -> Answer:
    """Of the one score that was corrected."""
    therapist = rest.as_(THERAPIST, "therapist")
    officer = rest.as_("officer", "compliance_officer")
    (entry,) = (await officer.get("/v1/audit/entries?action=update&outcome=permit&limit=200")).json["items"]
    (record,) = entry["records"]
    return await therapist.get(f"/v1/outcomes/{record['record_id']}/history")


async def test_what_somebody_else_wrote_down_is_not_corrected(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """And clients that an older importer brought in are found under the name that they bear."""
    table, rest = tmp_path / "scores.csv", Rest(session, embedded.url, embedded.mint, "import-others")
    table.write_text("id,s,bdi\n1,1,12\n")
    digest = sha256(b"the file as it was then").hexdigest()[:16]
    older = {"name": "Client 1", "birth_date": None, "identifiers": [{"system": f"urn:import:{digest}", "value": "1"}]}
    client = (await rest.as_("import.intake", "intake").post("/v1/clients", older)).id
    code, out, err = await finished(importing(embedded, table, rest.tenant, SOURCE=digest))
    assert code == 0, err
    assert "This run added 0 clients, 1 sessions, 1 scores." in out
    colleague = rest.as_("colleague", "therapist")
    related = {"client_id": client, "practitioner_id": colleague.sub, "role": "care_team", "period": {"start": "2025-01-01"}}
    await rest.as_("import.intake", "intake").post("/v1/relationships", related)
    (held,) = (await colleague.get(f"/v1/sessions?client_id={client}")).json["items"]
    await colleague.post(f"/v1/clients/{client}/outcomes", {"measure": "rq", "session_id": held["id"], "score": 3})
    table.write_text("id,s,bdi,rq\n1,1,12,4\n")
    code, out, err = await finished(importing(embedded, table, rest.tenant, SOURCE=digest))
    assert code == 1 and "line 2: PUT /v1/outcomes/" in err and "403" in err


async def test_a_corrected_file_changes_only_what_differs(
    embedded: EmbeddedProcess, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    table, rest = tmp_path / "scores.csv", Rest(session, embedded.url, embedded.mint, "import-corrected")
    table.write_text("id,s,phq-9\n1,1,12\n1,2,28\n2,1,many\nA,1,7\na,1,8\n")
    code, out, err = await finished(importing(embedded, table, rest.tenant))
    assert (code, out) == (2, "")
    assert "line 3: column 3 (phq-9): this measure runs from 0 to 27" in err
    assert "line 4: column 3 (phq-9): must be a number" in err
    assert await outcomes(rest) == 0, "nothing is sent before all is checked"

    code, out, err = await finished(importing(embedded, table, rest.tenant, "--skip-faulty", "--dry-run"))
    assert "a run would add 3 clients, 3 sessions, 3 scores; nothing was written" in out
    assert await outcomes(rest) == 0
    code, out, err = await finished(importing(embedded, table, rest.tenant, "--skip-faulty"))
    assert code == 1, err
    assert "This run added 3 clients, 3 sessions, 3 scores." in out, "A and a are two clients"

    (rejected,) = [f for f in tmp_path.glob("*.rejected*.csv") if "-" not in f.name]
    text = rejected.read_text()
    rejected.write_text(text.replace(",28,", ",27,").replace("many", "9"))
    code, out, err = await finished(importing(embedded, rejected, rest.tenant))
    assert code == 0, err
    assert "This run added 1 clients, 2 sessions, 2 scores." in out

    table.write_text("id;s;phq-9;rq\n1;1;12;3,5\n1;2;27;\n2;1;9;\nA;1;7;\na;1;8;\n")
    for added in ("0 clients, 0 sessions, 1 scores", "0 clients, 0 sessions, 0 scores"):
        code, out, err = await finished(importing(embedded, table, rest.tenant))
        assert code == 0, err
        assert "4 clients, 5 sessions, 6 scores: all read back equal" in out
        assert f"This run added {added}." in out

    table.write_text("id,s,phq-9\n1,1,13\n1,2,27\n2,1,9\n")
    code, out, err = await finished(importing(embedded, table, rest.tenant, "--dry-run"))
    assert "a run would add 0 clients, 0 sessions, 0 scores, 1 corrections; nothing was written" in out
    for added in ("0 clients, 0 sessions, 0 scores, 1 corrections", "0 clients, 0 sessions, 0 scores"):
        code, out, err = await finished(importing(embedded, table, rest.tenant))
        assert code == 0, err
        assert "2 clients, 3 sessions, 3 scores: all read back equal" in out
        assert f"This run added {added}." in out
    assert await outcomes(rest) == 6
    assert [v["score"] for v in (await history(rest)).json["items"]] == [12, 13], "what stood there stays"

    table.write_text("id,s,date,phq-9\n1,1,2025-02-03,12\n")
    code, out, err = await finished(importing(embedded, table, rest.tenant))
    assert code == 1, "nor does a session move"
    assert "line 2: the record has this session" in err
    assert await outcomes(rest) == 6


@pytest.mark.parametrize(
    ("file", "more", "why"),
    [
        ("", {}, "FILE is missing"),
        ("ftp://example.org/scores.csv", {}, "this is an address"),
        ("nowhere.csv", {}, "No such file"),
        (".", {}, "Is a directory"),
        ("{good}", {"URL": "ftp://127.0.0.1"}, "URL: the address of a server is wanted"),
        ("{good}", {"URL": "http://127.0.0.1:port"}, "URL: the address of a server is wanted"),
        ("{good}", {"START": "20250106"}, "START: a day that exists"),
        ("{good}", {"TENANT": "a\u200b"}, "TENANT: 1 to 100 characters"),
        ("{good}", {"SOURCE": " "}, "SOURCE: 1 to 100 characters"),
        ("{good}", {"TOKEN_INTAKE": "a\nb"}, "TOKEN_INTAKE is no token"),
        ("{header}", {}, "line 1: no row follows"),
        ("{nul}", {}, "line 1: the first line must name the columns"),
        ("{nul cell}", {}, "line 2: column 3 (bdi): must not hold a NUL character"),
    ],
)
async def test_what_cannot_be_imported_is_said_in_words(
    embedded: EmbeddedProcess, tmp_path: Path, file: str, more: dict[str, str], why: str
) -> None:
    contents = {"{good}": "id,s,bdi\n1,1,2\n", "{header}": "id,s,bdi\n", "{nul}": "\0", "{nul cell}": "id,s,bdi\n1,1,\0\n"}
    if file in contents:
        (tmp_path / "scores.csv").write_text(contents[file])
        file = str(tmp_path / "scores.csv")
    code, out, err = await finished(importing(embedded, file, "import-words", **more))
    assert (code, out) == (2, "")
    assert why in err
    assert "Traceback" not in err


async def test_the_real_file(embedded: EmbeddedProcess) -> None:
    if not REAL.is_file():
        pytest.skip("../shared/data/bdi_by_session.csv is not here")
    code, out, err = await finished(importing(embedded, REAL, "import-real"))
    assert code == 0, err
    assert "43 clients, 516 sessions" in out

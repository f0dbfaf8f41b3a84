"""Bundles of a whole service, verified by the command alone; each tampering of one is found, and each export is an entry."""

import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from infra.operator import verify_export
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.reports.domain.export_check import BundleInvalid, check_bundle
from services.audit_log.reports.domain.rows import COLUMNS
from shared.contracts.disclosure import Action
from tests.integration.gate.gate_support import World
from tests.integration.gate.test_reviews import REASON as GLASS_REASON
from tests.integration.gate.test_reviews import call, granted
from tests.support import go
from tests.support.http import serving
from tests.support.ledger import entry

EVIL = '=HYPERLINK("https://evil.example")'


async def export(site: str, token: str, path: str, want: int = 200) -> tuple[bytes, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(f"{site}/v1/audit/exports/{path}", headers=headers) as answer:
        body = await answer.read()
        assert answer.status == want, body
        return body, answer.headers


async def filled(world: World) -> tuple[str, str]:
    """A course with an evil name in it; ids of a note and of a psychotherapy note."""
    await world.usual()
    ref, _ = await world.note()
    hidden, _ = await world.note(kind="psychotherapy_note")
    for name in ("Zoë Okafor", EVIL, "+49 30 1", "\uff1d1+1", "-2", "@x", "a\tb\r\nc"):
        await world.ask(world.token("t-okafor", "therapist", name=name), Action.READ, ref)
    await world.ask(world.token("t-nobody", "therapist"), Action.READ, ref)
    return ref.record_id, hidden.record_id


def officer(world: World) -> str:
    return world.token("co-1", "compliance_officer", name="Olga Weiss")


async def test_a_bundle_verifies_by_the_command_alone_and_is_an_entry(world: World, site: str, tmp_path: Path) -> None:
    await filled(world)
    body, headers = await export(site, officer(world), f"access-report?client_id={world.client}")
    file = tmp_path / "bundle.zip"
    file.write_bytes(body)
    (tmp_path / "vkey").write_text(world.service._ledger.vkey(world.tenant) + "\n")
    code, said = await go.run(sys.executable, "-m", "infra.operator.verify_export", str(file), "--log", str(tmp_path / "vkey"))
    assert code == 0 and "0 proved in their place alone" in said and "whole: every row" in said, said
    (entry,) = await world.service._ledger.search(world.tenant, Filters(actions=("export-access-report",)))
    assert headers["Audit-Entry"] == str(entry.index) and int(headers["Content-Length"]) == len(body)
    digest = hashlib.sha256(body).hexdigest()
    rows = len(zipfile.ZipFile(file).read("rows.ndjson").splitlines())
    assert entry.entry.detail == {"query": {"client_id": world.client, "sha256": digest}, "rows": rows}
    assert world.client not in headers["Content-Disposition"], "no id in a file's name"
    assert zipfile.ZipFile(file).read("report.pdf").startswith(b"%PDF-")


async def test_the_columns_of_the_csv_never_shift_and_no_cell_is_a_formula(world: World, site: str) -> None:
    await filled(world)
    body, _ = await export(site, officer(world), "activity?agent=t-okafor")
    text = zipfile.ZipFile(io.BytesIO(body)).read("rows.csv").decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert COLUMNS[:9] == ("index", "at", "kind", "action", "outcome", "reason", "agent", "agent_name", "agent_role")
    assert len(rows) >= 7 and all(len(row) == len(COLUMNS) for row in rows)
    names = {row[7] for row in rows[1:]}
    assert {"Zoë Okafor", f"'{EVIL}", "'+49 30 1", "'\uff1d1+1", "'-2", "'@x"} <= names
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\uff1d")]
    assert text.count("\r\n") == len(rows), "a line is a row"


async def test_a_clients_own_bundle_holds_no_psychotherapy_note_and_still_verifies(
    world: World, site: str, tmp_path: Path
) -> None:
    plain, hidden = await filled(world)
    body, _ = await export(site, world.client_token(), f"access-report?client_id={world.client}")
    (tmp_path / "b.zip").write_bytes(body)
    whole = b"".join(zipfile.ZipFile(tmp_path / "b.zip").read(n) for n in ("rows.ndjson", "rows.csv"))
    assert plain.encode() in whole and hidden.encode() not in whole and b"psychotherapy_note" not in whole
    found = check_bundle(tmp_path / "b.zip", parse_vkey(world.service._ledger.vkey(world.tenant)))
    assert found.proved >= 8 and found.rows == found.proved + len(found.place_only)
    await export(site, world.client_token(), f"access-report?client_id={uuid4()}", 404)
    await export(site, world.client_token(), "activity", 403)
    await export(site, world.token("t-1", "therapist"), f"access-report?client_id={world.client}", 403)


def withheld(row: dict[str, Any]) -> bool:
    """Whether a client gets no payload of it: of anything but a use of their record, and of a use under a grant."""
    return row["cells"][COLUMNS.index("kind")] != "disclosure" or '"grants"' in row["payload"]


async def test_a_clients_own_bundle_holds_no_word_of_officers_and_of_no_breaking_of_the_glass(world: World, site: str) -> None:
    """Why the glass was broken, what a review found, what was searched for: the officer's bundle has it, the client's not."""
    await filled(world)
    ref, _ = await world.note()
    made = await granted(site, world)
    night = world.token("t-night", "therapist")
    await world.agreed(world.relation("t-night"))
    assert (await world.ask(night, Action.READ, ref, purpose="BTG")).keys
    finding = {"decision": "justified", "note": "The ward confirms the call."}
    lind = world.token("s-lind", "supervisor")
    assert (await call(site, lind, "POST", f"/v1/audit/reviews/{made['id']}/decisions", finding))[0] == 200
    await call(site, officer(world), "GET", f"/v1/audit/entries?client_id={world.client}&agent=t-okafor&action=read")
    words = (GLASS_REASON, finding["note"], "t-okafor")
    bundles = []
    for token in (officer(world), world.client_token()):
        body, _ = await export(site, token, f"access-report?client_id={world.client}")
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            bundles.append([json.loads(line) for line in archive.read("rows.ndjson").splitlines()])
    theirs, own = ([row for row in rows if row["payload"] and withheld(row)] for rows in bundles)
    told = "".join(row["payload"] for row in theirs)
    assert all(word in told for word in words), "the officer's bundle is whole"
    assert own == []
    assert not [word for word in words[:2] if word in json.dumps(bundles[1])]


async def test_what_is_asked_for_wrongly(world: World, site: str) -> None:
    await world.usual()
    await export(site, officer(world), "everything", 404)
    await export(site, officer(world), "access-report", 422)
    await export(site, officer(world), "activity?nothing=1", 422)
    body, _ = await export(site, officer(world), "accounting-of-disclosures?client_id=" + world.client)
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(body)).read("manifest.json"))
    assert manifest["rows"] == 0 and manifest["checkpoint"] is None, "an empty list is a list too"


async def test_the_accounting_as_a_bundle_is_the_accounting(world: World, site: str, tmp_path: Path) -> None:
    """What 164.528(a) leaves out, what is older than six years, and what an agency had suspended, is in neither."""
    now = world.clock.now()
    year = timedelta(days=365)
    purposes = [("TREAT", 0), ("HPAYMT", 0), ("HOPERAT", 0), ("PATRQT", 0), ("THREAT", 1), ("HLEGAL", 5), ("PUBHLTH", 7)]
    logged = [entry(n, purpose=p, at=now - year * years, client_id=world.client) for n, (p, years) in enumerate(purposes)]
    logged += [entry(7, purpose="THREAT", outcome="deny", client_id=world.client), entry(8, purpose="THREAT")]
    await world.service._ledger.append(world.tenant, logged)
    token, path = officer(world), f"/v1/audit/clients/{world.client}"
    vkey = parse_vkey(world.service._ledger.vkey(world.tenant))

    async def both() -> tuple[list[int], list[int]]:
        _, shown = await call(site, token, "GET", f"{path}/accounting-of-disclosures")
        body, _ = await export(site, token, f"accounting-of-disclosures?client_id={world.client}")
        (tmp_path / "b.zip").write_bytes(body)
        found = check_bundle(tmp_path / "b.zip", vkey)
        rows = [json.loads(line)["index"] for line in zipfile.ZipFile(tmp_path / "b.zip").read("rows.ndjson").splitlines()]
        assert found.proved == len(rows)
        return [item["index"] for item in shown["items"]], rows

    assert await both() == ([5, 4], [5, 4])
    asked = {"agency": "County sheriff", "statement": "It would impede an inquiry.", "form": "oral", "entries": [4]}
    until = (now + timedelta(days=20)).isoformat()
    assert (await call(site, token, "POST", f"{path}/accounting-suspensions", asked | {"until": until}))[0] == 201
    assert await both() == ([5], [5])


@pytest.mark.parametrize("typed", ["Noor%20Haddad%20born%201991-04-03", "7" * 7000])
async def test_a_name_in_place_of_an_id_never_comes_into_the_ledger(world: World, site: str, typed: str) -> None:
    await world.usual()
    await export(site, world.token("t-1", "therapist"), f"access-report?client_id={typed}", 403)
    await export(site, officer(world), f"access-report?client_id={typed}", 422)
    found = await world.service._ledger.search(world.tenant, Filters(actions=("export-access-report",)))
    assert [e.entry.client_id for e in found if e.entry.outcome == "deny"] == [None]
    assert not [e for e in found if "Haddad" in repr(e.entry) or "7777" in repr(e.entry)]


Files = dict[str, bytes]


def rehashed(files: Files) -> Files:
    """By somebody who makes the manifest fit."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n != "manifest.json"}
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def first(files: Files) -> dict[str, Any]:
    return dict(json.loads(files["rows.ndjson"].splitlines()[0]))


def with_first(files: Files, **changed: Any) -> Files:
    lines = files["rows.ndjson"].splitlines(keepends=True)
    return {**files, "rows.ndjson": json.dumps(first(files) | changed).encode() + b"\n" + b"".join(lines[1:])}


def without_first(files: Files) -> Files:
    name = f"proofs/{first(files)['index']:012d}.tlog-proof"
    return {n: c for n, c in files.items() if n != name} | {"rows.ndjson": b"".join(files["rows.ndjson"].splitlines(True)[1:])}


def other_proof(files: Files) -> Files:
    one, two = sorted(n for n in files if n.startswith("proofs/"))[:2]
    return {**files, one: files[two], two: files[one]}


def signed_otherwise(files: Files) -> Files:
    """One bit of the log's signature under the first proof."""
    name = min(n for n in files if n.startswith("proofs/"))
    head, dash, line = files[name].decode().rpartition("\u2014 ")
    origin, _, encoded = line.strip().partition(" ")
    blob = bytearray(b64decode(encoded))
    blob[-1] ^= 1
    return {**files, name: f"{head}{dash}{origin} {b64encode(bytes(blob)).decode()}\n".encode()}


TAMPERINGS: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a word in the CSV": (lambda f: {**f, "rows.csv": f["rows.csv"].replace(b"permit", b"denied", 1)}, "rows.csv was changed"),
    "the CSV and the manifest": (
        lambda f: rehashed({**f, "rows.csv": f["rows.csv"].replace(b'"permit"', b'"denied"', 1)}),
        "does not say what the rows say",
    ),
    "the PDF": (lambda f: {**f, "report.pdf": f["report.pdf"] + b"x"}, "report.pdf was changed"),
    "a file more": (lambda f: {**f, "more.txt": b"x"}, "not those that the manifest names"),
    "a file less": (lambda f: {n: c for n, c in f.items() if n != "rows.csv"}, "not those that the manifest names"),
    "a payload": (
        lambda f: rehashed(with_first(f, payload=first(f)["payload"].replace("TREAT", "HLEGAL"))),
        "is not what was logged",
    ),
    "a salt": (lambda f: rehashed(with_first(f, salt="A" * 43 + "=")), "is not what was logged"),
    "a cell": (lambda f: rehashed(with_first(f, cells=[*first(f)["cells"][:-1], "yes"])), "does not say what was logged"),
    "a leaf": (lambda f: rehashed(with_first(f, leaf="AAAA")), "does not hold"),
    "an index": (lambda f: rehashed(with_first(f, index=0)), "row 0 is malformed"),
    "a proof": (lambda f: rehashed(other_proof(f)), "is of another entry"),
    "a signature": (lambda f: rehashed(signed_otherwise(f)), "does not hold"),
    "a row left out": (lambda f: rehashed(without_first(f)), "the manifest says"),
    "not a row": (lambda f: rehashed({**f, "rows.ndjson": b"[]\n"}), "a line that is no row"),
    "the manifest": (lambda f: {**f, "manifest.json": b"{}"}, "not one of version"),
}


@pytest.fixture(scope="module")
async def bundle(practice: World) -> tuple[Files, str]:
    world = World(practice.service, practice.feed, practice.clock, practice.issuer, practice.bus)
    await filled(world)
    async with serving(world.service.app) as site:
        body, _ = await export(site, officer(world), f"access-report?client_id={world.client}&action=read")
    archive = zipfile.ZipFile(io.BytesIO(body))
    return {name: archive.read(name) for name in archive.namelist()}, world.service._ledger.vkey(world.tenant)


@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_each_tampering_of_a_bundle_is_found(
    bundle: tuple[Files, str], tmp_path: Path, tampering: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files, vkey = bundle
    change, why = TAMPERINGS[tampering]
    check_bundle(packed(tmp_path / "good.zip", files), parse_vkey(vkey))
    bad = packed(tmp_path / "bad.zip", change(files))
    with pytest.raises(BundleInvalid, match=why):
        check_bundle(bad, parse_vkey(vkey))
    assert verify_export.main([str(bad), "--log", vkey]) == 1
    assert re.search(f"NOT WHOLE: .*{why}", capsys.readouterr().out)


async def test_what_the_manifest_alone_says_is_never_called_proved(
    bundle: tuple[Files, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another client in the query, another maker: no proof covers them, the bundle's hash in the ledger does."""
    files, vkey = bundle
    manifest = json.loads(files["manifest.json"])
    for changed in ({}, {"query": {"client_id": "another"}}, {"made_by": "dr.innocent"}):
        file = packed(tmp_path / "b.zip", files | {"manifest.json": json.dumps(manifest | changed).encode()})
        assert verify_export.main([str(file), "--log", vkey]) == 0
        said = capsys.readouterr().out
        assert "by whom and when is the manifest's word alone" in said and hashlib.sha256(file.read_bytes()).hexdigest() in said


async def test_words_without_their_payload_are_never_called_proved(
    bundle: tuple[Files, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever hands a bundle on can blank a payload and write another name beside it."""
    files, vkey = bundle
    row = first(files)
    cells = [*row["cells"][:6], "dr.innocent", "Dr. Innocent", *row["cells"][8:]]
    forged = with_first(files, payload=None, salt=None, cells=cells)
    table = io.StringIO(forged["rows.csv"].decode(), newline="")
    lines = list(csv.reader(table))
    lines[1][6:8] = cells[6:8]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(lines)
    file = packed(tmp_path / "forged.zip", rehashed({**forged, "rows.csv": out.getvalue().encode()}))
    assert verify_export.main([str(file), "--log", vkey]) == 3
    said = capsys.readouterr().out
    assert f"NOT PROVED are the words of rows {row['index']}:" in said and "whole" not in said
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said


async def test_another_log_no_archive_and_a_missing_witness(
    bundle: tuple[Files, str], tmp_path: Path, practice: World, capsys: pytest.CaptureFixture[str]
) -> None:
    files, vkey = bundle
    good = str(packed(tmp_path / "good.zip", files))
    assert verify_export.main([good, "--log", vkey]) == 0
    assert verify_export.main([good, "--log", practice.service._ledger.vkey("another")]) == 1
    assert "of another log" in capsys.readouterr().out
    witness = "witness.example/w1"
    from tests.unit.audit_log.test_cosignature import COSIGNERS

    assert verify_export.main([good, "--log", vkey, "--witness", COSIGNERS[4].vkey]) == 1
    assert "1 witnesses are asked for, 0 cosigned" in capsys.readouterr().out and COSIGNERS[4].name == witness
    (tmp_path / "none.zip").write_bytes(b"PK")
    assert verify_export.main([str(tmp_path / "none.zip"), "--log", vkey]) == 1
    assert verify_export.main([str(tmp_path / "nowhere.zip"), "--log", vkey]) == 2
    assert verify_export.main([good, "--log", "x"]) == 2


def packed(file: Path, files: Files) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file

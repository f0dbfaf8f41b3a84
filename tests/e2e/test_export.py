"""A client takes their whole record along: one archive that only their key opens, with what is left out named by its ground."""

import json
import re
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.exports import PASSPHRASE, Opened, export, key_pair, opened, python, refused, run
from tests.e2e.processes import ROOT
from tests.e2e.rest import Rest, choose_law, until
from tests.e2e.story import CANARY, PRIVATE_CANARY
from tests.e2e.surface import Clinic
from tests.support.hunting import hunt

CONTROL = "control sentence: three ferries crossed the sound at dusk"
RECORD = (CANARY, "Noor Haddad", "Calm, in good contact", "Weekly individual psychotherapy", "R. Ilves, front desk")
"""what stands in a client's own record"""


@pytest.fixture
async def told(clinic: Rest) -> Clinic:
    """Consents, both kinds of notes, a changed draft, a rating, an outcome, and the client's choice."""
    story = Clinic(clinic)
    await story.consent_is_given()
    await story.both_notes_are_written()
    session = await story.session(3)
    draft = await story.marsh.post(
        f"/v1/sessions/{session}/progress-notes", {"format": "narrative", "sections": {"text": "A grey"}}
    )
    changed = {"sections": {"text": "A blue heron."}}
    await story.marsh.put(f"/v1/notes/{draft.id}", changed, If_Match='W/"1"')
    await story.marsh.post(f"/v1/notes/{draft.id}/signatures", want=(200, 201))

    async def both_are_open_to_the_client() -> bool:
        notes = (story.told.progress_note, draft.id)
        return all([(await story.client.call("GET", f"/v1/notes/{n}")).status == 200 for n in notes])

    await until("signed notes are open to their client", both_are_open_to_the_client)
    made = await story.marsh.post(
        "/v1/administrations", {"client_id": story.client_id, "instrument": "wai-sr", "rater": "client"}
    )
    await story.client.post(f"/v1/administrations/{made.id}/responses", {"answers": {str(i): 4 for i in range(1, 13)}})
    await story.marsh.post(f"/v1/clients/{story.client_id}/outcomes", {"measure": "gaf", "score": 61})
    await story.client.put(f"/v1/clients/{story.client_id}/alliance/release", {"therapist": "delayed"})
    return story


async def erase(story: Clinic, *classes: str) -> None:
    body = {"client_id": story.client_id, "key_classes": list(classes), "basis": "GDPR 17(1)(b)"}
    asked = await story.officer.post("/v1/erasures", body, want=202)
    await story.second_officer.post(f"/v1/erasures/{asked.id}/approvals", want=(200, 201, 202))

    async def completed() -> bool:
        return bool((await story.officer.get(f"/v1/erasures/{asked.id}")).json["status"] == "completed")

    await until("the erasure is completed", completed, 10.0)


async def test_the_whole_record_in_one_archive(told: Clinic, tmp_path: Path) -> None:
    made = await export(told.client, told.client_id)
    assert made.headers["Content-Type"] == "application/zip"
    assert made.headers["Cache-Control"] == "no-store"
    assert told.client_id not in made.headers["Content-Disposition"]
    for word in (*RECORD, PRIVATE_CANARY, PASSPHRASE, told.client_id, told.told.progress_note, "progress_note"):
        assert word.encode() not in made.content, "who holds the archive without its key learns nothing of whom or what it is"
    record = opened(made, tmp_path)
    for kind in ("json", "html"):
        text = record.text(kind)
        for word in RECORD:
            assert word in text
        assert PRIVATE_CANARY not in text
        assert told.told.psychotherapy_note not in text
    assert kinds(record, "identity") == {"client": 1}
    assert kinds(record, "progress_note") == {"session": 2, "progress_note": 2, "earlier_version_of_a_note": 1}
    assert kinds(record, "consent_evidence") == {"consent": 2, "relationship": 1}
    measures = kinds(record, "measures")
    assert measures.pop("administration") >= 1, "and those that sessions called for"
    assert measures == {"course_of_the_alliance": 1, "outcome": 1, "release_choice": 1}
    assert record.records("access"), "who used the record (GDPR 15(1)(c))"
    earlier = next(r for r in record.records("progress_note") if r["type"] == "earlier_version_of_a_note")
    assert earlier["sections"] == {"text": "A grey"}
    index = (record.folder / "index.html").read_text()
    assert "45 CFR 164.524(a)(1)" in index
    assert (record.folder.stat().st_mode & 0o777, (record.folder / "index.html").stat().st_mode & 0o777) == (0o700, 0o600)


async def test_every_release_is_an_entry_of_the_ledger(told: Clinic, tmp_path: Path) -> None:
    made = await export(told.client, told.client_id)
    found = [(await told.officer.get(f"/v1/audit/entries/{i}")).json for i in made.entries]
    exports = [e for e in found if e["action"] == "export"]
    assert {e["agent"]["service"] for e in exports} == {"session_notes", "consent", "alliance_measurement"}
    assert {(e["outcome"], e["agent"]["role"], e["purpose"]["code"]) for e in exports} == {("permit", "client", "PATRQT")}
    assert len({e["detail"]["sealed_for"] for e in exports}) == 1
    released = {r["record_id"] for e in exports for r in e["records"]}
    assert told.told.progress_note in released
    assert told.told.psychotherapy_note not in released, (
        "what is excluded is not even asked for: the count of entries tells nothing"
    )
    assert int(made.headers["Export-Records"]) == len(released) + found[-1]["detail"]["rows"]
    report = (await told.client.get(f"/v1/audit/clients/{told.client_id}/access-report?limit=200")).json["items"]
    assert any(line["action"] == "export" and "exported" in line["what"] for line in report)
    record = opened(made, tmp_path)
    assert {i for about in record.folder.glob("about-*.json") for i in json.loads(about.read_text())["entries"]} == set(
        made.entries
    )


async def test_another_passphrase_opens_nothing(told: Clinic, tmp_path: Path) -> None:
    file = tmp_path / "record.zip"
    file.write_bytes((await export(told.client, told.client_id)).content)
    for wrong in (PASSPHRASE.upper(), "", "nine lanterns, one slow ferry!"):
        done = run("open", str(file), "--to", str(tmp_path / "out"), typed=wrong + "\n")
        assert done.returncode == 1
        assert "does not open with this passphrase" in done.stderr
        assert not (tmp_path / "out").exists()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(file.read_bytes()[:-50])
    assert "cut off" in run("open", str(cut), "--to", str(tmp_path / "out"), typed=PASSPHRASE).stderr
    assert run("open", str(file), "--to", str(tmp_path), typed=PASSPHRASE).returncode == 2, "never over what is there"
    assert run("open", str(tmp_path / "none.zip"), "--to", str(tmp_path / "out")).returncode == 2


async def test_a_key_of_ones_own(told: Clinic, tmp_path: Path) -> None:
    own = tmp_path / "private.jwk"
    printed = run("key", str(own))
    assert own.stat().st_mode & 0o777 == 0o600
    assert run("key", str(own)).returncode == 2, "a key is not written over"
    rsa = RSAKey.generate_key(2048, private=True)
    (tmp_path / "rsa.jwk").write_text(json.dumps(rsa.as_dict(private=True)))
    for body, key in ((json.loads(printed.stdout), own), ({"public_key": rsa.as_dict(private=False)}, tmp_path / "rsa.jwk")):
        made = await export(told.client, told.client_id, body)
        assert "key.jwe" not in zipfile.ZipFile(BytesIO(made.content)).namelist()
        folder = tmp_path / key.stem
        folder.mkdir()
        assert CANARY in opened(made, folder, key=key).text("html")
        wrong = run("open", str(folder / "record.zip"), "--to", str(tmp_path / "no"), typed=PASSPHRASE)
        assert "no passphrase opens this archive" in wrong.stderr
    public = tmp_path / "public.jwk"
    public.write_text(json.dumps(rsa.as_dict(private=False)))
    done = run("open", str(tmp_path / "rsa" / "record.zip"), "--to", str(tmp_path / "no"), "--key", str(public))
    assert (done.returncode, "the private one is needed" in done.stderr) == (2, True)


async def test_what_was_erased_is_shown_as_erased(told: Clinic, tmp_path: Path) -> None:
    await erase(told, "progress_note", "measures")
    record = opened(await export(told.client, told.client_id), tmp_path)
    assert CANARY not in record.text("json")
    notes = [r for r in record.records("progress_note") if r["type"] == "progress_note"]
    assert [(n["status"], n["erased"], n["sections"]) for n in notes] == [("erased", True, {})] * 2
    rated = [r for r in record.records("measures") if r["type"] in ("administration", "outcome")]
    assert {r["status"] for r in rated} == {"erased"}
    assert record.records("identity")[0]["name"] == "Noor Haddad", "a class that was not erased opens"
    assert "Erased: its key was destroyed" in record.text("html")
    index = (record.folder / "index.html").read_text()
    assert "4 records, 4 of them erased" in index


async def test_the_law_of_the_tenant_says_what_is_left_out(told: Clinic, tmp_path: Path) -> None:
    """The same record twice: under US law without psychotherapy notes, under the EU's with them and without other people."""
    start = "2026-01-20T10:00:00Z"
    couple = {
        "client_id": told.client_id,
        "therapist_id": told.marsh.sub,
        "participants": ["Ilse Brandt"],
        "started_at": start,
        "ended_at": "2026-01-20T11:00:00Z",
        "modality": "humanistic",
        "format": "couple",
        "attendance": "attended",
    }
    await told.marsh.post("/v1/sessions", couple)
    told_in_confidence = {"format": "narrative", "sections": {"text": "Her sister rang."}, "labels": ["InConfidence"]}
    session = await told.session(2)
    await told.marsh.post(f"/v1/sessions/{session}/progress-notes", told_in_confidence)
    (tmp_path / "us").mkdir()
    (tmp_path / "eu").mkdir()
    us = opened(await export(told.client, told.client_id), tmp_path / "us")
    settings = (await told.officer.get("/v1/audit/settings")).json
    await choose_law("eu", told.officer, told.second_officer)
    eu = opened(await export(told.client, told.client_id), tmp_path / "eu")
    assert settings["law"] == "us-federal"
    for record in (us, eu):
        assert "Her sister rang" not in record.text("json"), "what others told in confidence is in no copy"
    assert "Ilse Brandt" in us.text("json")
    assert PRIVATE_CANARY not in us.text("json")
    assert "Ilse Brandt" not in eu.text("json")
    assert PRIVATE_CANARY in eu.text("json")
    with_others = next(r for r in eu.records("progress_note") if r.get("format") == "couple")
    assert (with_others.get("participants"), with_others["left_out"]) == (None, ["participants"])
    not_yet = {"45 CFR 171", "45 CFR 171.201, 171.202"}
    assert grounds(us) == {"45 CFR 164.524(a)(1)", "45 CFR 164.524(a)(2)(v)"} | not_yet
    assert grounds(eu) == {"GDPR 15(4)"}


def kinds(record: Opened, key_class: str) -> Counter[str]:
    return Counter(r["type"] for r in record.records(key_class))


def grounds(record: Opened) -> set[str]:
    return {one["ground"] for one in record.excluded()}


async def test_nobody_else_has_one(told: Clinic, tmp_path: Path) -> None:
    body = await key_pair(told.client)
    for person in (told.marsh, told.intake, told.officer):
        found = await refused(person, told.client_id, body, 403)
        assert CANARY not in str(found)
    other = told.rest.as_("other", "client", client_id="11111111-1111-4111-8111-111111111111")
    elsewhere = told.rest.as_(told.client.sub, "client", client_id=told.client_id, tenant="another-clinic")
    guardian = told.rest.as_("parent", "representative", client_id=told.client_id)
    await refused(told.stranger, told.client_id, body, 404)
    await refused(other, told.client_id, body, 404)
    await refused(guardian, told.client_id, body, 403)
    (tmp_path / "elsewhere").mkdir()
    empty = opened(await export(elsewhere, told.client_id), tmp_path / "elsewhere")
    assert [empty.records(c) for c in ("identity", "progress_note", "measures", "consent_evidence")] == [[]] * 4
    denied = (await told.officer.get(f"/v1/audit/entries?client_id={told.client_id}&action=export&outcome=deny")).json["items"]
    assert {e["reason"] for e in denied} == {"not-the-clients", "no-rule"}


async def test_who_acts_for_a_client_has_what_their_authority_opens(told: Clinic, tmp_path: Path) -> None:
    words = {"name": "Mara Haddad", "evidence": "court order, seen"}
    appointed = {"client_id": told.client_id, "person": "mara.haddad", "kind": "guardian", "authority": "court-order",
                 "period": {"start": "2026-01-01", "end": "2036-01-01"}, "may": ["read"], **words}  # fmt: skip
    await told.intake.post("/v1/representatives", appointed)
    mara = told.rest.as_("mara.haddad", "representative", client_id=told.client_id)
    record = opened(await export(mara, told.client_id), tmp_path)
    text = record.text("json")
    assert CANARY in text
    assert '"total"' not in text, "ratings of the alliance are shown to whom the client chose"
    assert record.records("access") == []
    assert {"rule:release.client-decides", "rule:law.164.502-g-5", "rule:role.representative"} <= {
        one["rule"] for one in record.excluded()
    }


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/export-keys", {"passphrase": "too short"}, "/passphrase"),
        ("/v1/export-keys", {"passphrase": "x" * 40}, "/passphrase"),
        ("/v1/export-keys", {}, "/passphrase"),
        ("export", {"public_key": {"kty": "oct", "k": "c2VjcmV0"}}, "/public_key"),
        ("export", {"public_key": {}}, "/public_key"),
        ("export", {}, "/public_key"),
        ("export", {"public_key": RSAKey.generate_key(2048, private=True).as_dict(private=True)}, "/public_key"),
        ("export", {"sealed_key": "a.b.c.d.e"}, "/sealed_key"),
        ("export", {"sealed_key": "no jwe"}, "/sealed_key"),
        ("export", {"surprise": 1}, "/surprise"),
    ],
    ids=range(10),
)
async def test_input_that_does_not_do(told: Clinic, path: str, body: dict[str, Any], pointer: str) -> None:
    if path == "export":
        good = {"public_key": (await key_pair(told.client))["public_key"]}
        sent = body if "public_key" in body or not body else good | body
        path = f"/v1/clients/{told.client_id}/export"
    else:
        sent = body
    answer = await told.client.call("POST", path, sent)
    assert answer.status == 422, answer.text
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert "secret" not in answer.text and str(body.get("passphrase", "!")) not in answer.text


async def test_the_lines_in_the_docs_open_an_archive(told: Clinic, tmp_path: Path) -> None:
    (tmp_path / "record.zip").write_bytes((await export(told.client, told.client_id)).content)
    page = (ROOT / "docs/ehr-integration.md").read_text()
    (lines,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    done = python("-c", lines, typed=PASSPHRASE, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert CANARY in Opened(tmp_path / "record").text("html")


async def test_key_pairs_are_for_clients_and_who_acts_for_them(told: Clinic) -> None:
    await told.marsh.post("/v1/export-keys", {"passphrase": PASSPHRASE}, want=403)
    first, second = await key_pair(told.client), await key_pair(told.client)
    assert first["public_key"] != second["public_key"]


async def test_nothing_of_it_rests_on_the_disk(told: Clinic, embedded: EmbeddedProcess) -> None:
    """The embedded run's data folder and log, with a planted control. `test_canary.py` hunts in a fleet of processes."""
    await export(told.client, told.client_id)
    control = embedded.data_dir / "control.txt"
    control.write_text(CONTROL)
    try:
        words = [w for w in RECORD if w != "Noor Haddad"]  # the demo clinic's client is called so too, in the banner
        found = hunt([embedded.data_dir.parent], [*words, PRIVATE_CANARY, PASSPHRASE, CONTROL])
    finally:
        control.unlink()
    assert found.pop(CONTROL) == [str(control)], "the hunt is blind"
    assert not {word: files for word, files in found.items() if files}

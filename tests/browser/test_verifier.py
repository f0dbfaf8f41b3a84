"""The verifier of one file, opened from a disk without a network, and the command that does the same."""

import json
import re
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from infra.operator import verify_entry
from infra.operator.verifier.build import OUTPUT, page
from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.leaf import canonical, commit
from services.audit_log.ledger.domain.merkle import leaf_hash
from services.audit_log.ledger.domain.payload import payload_of
from services.audit_log.ledger.domain.signed_note import Ed25519Signer
from services.audit_log.ledger.domain.tlog_proof import TlogProof
from tests.support import go
from tests.support.ledger import entry
from tests.support.rfc6962 import mth

ROOT = Path(__file__).parents[2]
LOG, OTHER = Ed25519Signer("log.example/practice/north", bytes(32)), Ed25519Signer("log.example/practice/north", b"\x01" * 32)
SALT = bytes(range(32))


def proof() -> dict[str, Any]:
    """Of entry 1 in a log of 3."""
    payloads = [canonical(payload_of(entry(n, agent_name="Zoë <b>Okafor</b>"))) for n in range(3)]
    leaves = [commit(SALT, payload) for payload in payloads]
    note = Checkpoint(LOG.verifier.name, 3, mth(leaves)).sign(LOG)
    text = TlogProof(1, (leaf_hash(leaves[0]), leaf_hash(leaves[2])), note, extra=leaves[1]).text()
    return {
        "index": 1,
        "salt": b64encode(SALT).decode(),
        "payload": payloads[1].decode(),
        "proof": text.decode(),
        "vkey": OTHER.verifier.vkey,
    }


def tampered(how: str) -> dict[str, Any]:
    given = proof()
    match how:
        case "words":
            given["payload"] = given["payload"].replace("permit", "denied")
        case "place":
            given["index"] = 2
        case "path":
            line = given["proof"].split("\n")[3]
            given["proof"] = given["proof"].replace(line, b64encode(bytes(32)).decode())
        case "size":
            given["proof"] = re.sub(r"north\n3\n", "north\n4\n", given["proof"])
    return given


TAMPERED = ("words", "place", "path", "size")


async def in_browser(browser: Browser, folder: Path, given: dict[str, Any], vkey: str) -> tuple[str, str, list[str]]:
    """Verdict, steps and words, and what the page asked of a network."""
    (folder / "verifier.html").write_bytes(OUTPUT.read_bytes())
    (folder / "proof.json").write_text(json.dumps(given))
    context = await browser.new_context(offline=True)
    opened, asked = await context.new_page(), []
    opened.on("request", lambda request: asked.append(request.url))
    await opened.goto((folder / "verifier.html").as_uri())
    await opened.get_by_label("File with the proof").set_input_files(folder / "proof.json")
    await opened.get_by_label("The log’s key").fill(vkey)
    await opened.get_by_role("button", name="Verify").click()
    await opened.wait_for_function("document.getElementById('result').textContent !== ''")
    verdict, told = await opened.locator("#result").inner_text(), await opened.locator("main").inner_text()
    await context.close()
    return verdict, told, [url for url in asked if not url.startswith("file:")]


async def test_it_verifies_from_a_disk_without_a_network(browser: Browser, tmp_path: Path) -> None:
    verdict, told, asked = await in_browser(browser, tmp_path, proof(), LOG.verifier.vkey)
    assert verdict == "Verified: this entry stands in the signed log, unchanged.", told
    assert "Zoë <b>Okafor</b>" in told and not asked
    verdict, told, _ = await in_browser(browser, tmp_path, proof() | {"payload": None}, LOG.verifier.vkey)
    assert verdict.startswith("Verified") and "erased" in told


@pytest.mark.parametrize("how", TAMPERED)
async def test_what_was_tampered_with_is_told(browser: Browser, tmp_path: Path, how: str) -> None:
    verdict, told, _ = await in_browser(browser, tmp_path, tampered(how), LOG.verifier.vkey)
    assert verdict == "Not verified.", told


async def test_the_key_in_the_file_counts_for_nothing(browser: Browser, tmp_path: Path) -> None:
    verdict, told, _ = await in_browser(browser, tmp_path, proof(), OTHER.verifier.vkey)
    assert verdict == "Not verified." and "signed by the key that you gave" in told


async def test_the_command_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, key = tmp_path / "proof.json", tmp_path / "vkey"
    key.write_text(LOG.verifier.vkey + "\n")
    file.write_text(json.dumps(proof()))
    code, said = await go.run(sys.executable, "-m", "infra.operator.verify_entry", str(file), "--log", str(key))
    assert code == 0 and "verified: these words are what was logged" in said and "entry 1" in said, said
    for how in TAMPERED:
        file.write_text(json.dumps(tampered(how)))
        assert verify_entry.main([str(file), "--log", str(key)]) == 1, how
    file.write_text(json.dumps(proof()))
    assert verify_entry.main([str(file), "--log", OTHER.verifier.vkey]) == 1
    file.write_text(json.dumps(proof() | {"payload": None}))
    assert verify_entry.main([str(file), "--log", str(key)]) == 3
    for broken in ("{}", "[]", '{"index": 1, "proof": "x"}'):
        file.write_text(broken)
        assert verify_entry.main([str(file), "--log", str(key)]) == 1
    file.write_text("no json")
    assert verify_entry.main([str(file), "--log", str(key)]) == 2
    capsys.readouterr()


def test_the_file_is_the_one_whose_hash_the_release_notes_carry() -> None:
    made = page()
    assert OUTPUT.read_bytes() == made, "make verifier"
    assert sha256(made).hexdigest() in (ROOT / "CHANGELOG.md").read_text(), "the release notes carry its SHA-256"
    assert b"http://" not in made and b"https://" not in made and b"src=" not in made

"""C2SP signed-note, checkpoint and tlog-proof, with the specifications' own examples."""

from base64 import b64decode, b64encode

import pytest

from services.audit_log.ledger.domain.checkpoint import Checkpoint, open_checkpoint, parse_text
from services.audit_log.ledger.domain.merkle import ProofInvalid, leaf_hash, node_hash
from services.audit_log.ledger.domain.signed_note import Ed25519Signer, NoteInvalid, open_note, parse_vkey
from services.audit_log.ledger.domain.tlog_proof import TlogProof, parse_proof, verify_proof

# from https://c2sp.org/signed-note@v1.0.0
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
# from golang.org/x/mod/sumdb/note: PeterNeumann's key and note
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
SIGNER = Ed25519Signer("log.example/practice/north", bytes(range(32)))
ROOT = leaf_hash(b"leaf")


@pytest.mark.parametrize(("vkey", "note"), [(VKEY, NOTE), (GO_VKEY, GO_NOTE)])
def test_published_examples_verify(vkey: str, note: bytes) -> None:
    verifier = parse_vkey(vkey)
    assert verifier.vkey == vkey
    assert open_note(note, verifier) == note.decode().split("\n\n\u2014")[0] + "\n"


def test_what_we_sign_opens() -> None:
    note = SIGNER.sign("one\n\ntwo\n")
    assert open_note(note, parse_vkey(SIGNER.verifier.vkey)) == "one\n\ntwo\n"


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    witness = Ed25519Signer("witness.example", bytes(32))
    both = SIGNER.sign("text\n") + witness.sign("text\n").split(b"\n\n")[1]
    assert open_note(both, SIGNER.verifier) == open_note(both, witness.verifier) == "text\n"


@pytest.mark.parametrize(
    "broken",
    [
        NOTE.replace(b"example message", b"exemple message"),
        NOTE.replace(b"UwOQ", b"UwOR")[:-1],
        NOTE.replace("\u2014".encode(), b"-"),
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"message.", b"message.\x07"),
        NOTE.replace(b"aQM=", b"aQN="),
        NOTE.replace(b"example.com/foo", b"example.com/bar"),
        NOTE + b"\n",
        NOTE + "\u2014 x \n".encode(),
        b"\xff" + NOTE,
        b"",
    ],
)
def test_a_broken_note_does_not_open(broken: bytes) -> None:
    with pytest.raises(NoteInvalid):
        open_note(broken, parse_vkey(VKEY))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("foo", "fop"),
        VKEY.replace("+Aeky", "+Beky"),
        VKEY[:-4],
        "a b" + VKEY,
    ],
)
def test_a_broken_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb"])
def test_key_names_have_neither_space_nor_plus(name: str) -> None:
    with pytest.raises(ValueError, match="key name"):
        Ed25519Signer(name, bytes(32))


@pytest.mark.parametrize("text", ["no newline", "tab\there\n"])
def test_only_a_note_s_text_is_signed(text: str) -> None:
    with pytest.raises(ValueError, match="newline"):
        SIGNER.sign(text)


def test_a_checkpoint_reads_as_the_specification_says() -> None:
    root = b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    text = f"example.com/behind-the-sofa\n20852163\n{b64encode(root).decode()}\n"
    assert Checkpoint("example.com/behind-the-sofa", 20852163, root).text() == text
    assert parse_text(text) == Checkpoint("example.com/behind-the-sofa", 20852163, root)
    assert parse_text(text + "an extension line\n").size == 20852163


@pytest.mark.parametrize(
    "text",
    [
        "origin\n01\n{root}\n",
        "origin\n-1\n{root}\n",
        "origin\n1\n{root}",
        "\n1\n{root}\n",
        "origin\n1\nAAAA\n",
        "origin\n1\n{root}\n\nextension\n",
        "origin\n1\n{loose}\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    root = b64encode(ROOT).decode()
    loose = root[:-2] + chr(ord(root[-2]) + 1) + "="  # the same bytes, spelled with stray bits
    with pytest.raises(NoteInvalid):
        parse_text(text.format(root=root, loose=loose))


def test_a_checkpoint_of_another_log_is_refused() -> None:
    checkpoint = Checkpoint("log.example/practice/north", 1, ROOT)
    assert open_checkpoint(checkpoint.sign(SIGNER), SIGNER.verifier) == checkpoint
    with pytest.raises(NoteInvalid):
        open_checkpoint(Checkpoint("log.example/practice/south", 1, ROOT).sign(SIGNER), SIGNER.verifier)


def proof_text(extra: bytes | None = b"second") -> bytes:
    root = node_hash(leaf_hash(b"first"), leaf_hash(b"second"))
    note = Checkpoint(SIGNER.verifier.name, 2, root).sign(SIGNER)
    return TlogProof(1, (leaf_hash(b"first"),), note, extra).text()


def test_a_proof_verifies_and_reads_as_the_specification_says() -> None:
    text = proof_text()
    lines = text.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra " + b64encode(b"second").decode(), "index 1"]
    assert lines[4:7] == ["", "log.example/practice/north", "2"]
    assert verify_proof(text, b"second", SIGNER.verifier).size == 2
    assert parse_proof(proof_text(None)).extra is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 1", b"index 0"),
        (b"index 1", b"index 01"),
        (b"index 1\n", b""),
        (b"tlog-proof@v1", b"tlog-proof@v2"),
        (b"\n\n", b"\n"),
        (b"extra ", b"extra  "),
        (b"practice/north\n2", b"practice/north\n3"),
        (b"index 1\n", b"index 1\nAAAA\n"),
    ],
)
def test_a_changed_proof_does_not_verify(old: bytes, new: bytes) -> None:
    with pytest.raises(ProofInvalid):
        verify_proof(proof_text().replace(old, new), b"second", SIGNER.verifier)


def test_a_proof_is_of_its_leaf_alone() -> None:
    with pytest.raises(ProofInvalid):
        verify_proof(proof_text(), b"third", SIGNER.verifier)

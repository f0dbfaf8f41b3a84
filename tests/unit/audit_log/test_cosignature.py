"""C2SP tlog-cosignature: both kinds, their vkeys, and what is not accepted."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from services.audit_log.assurance.adapters.witness_http import parse_witnesses
from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.cosignature import Cosigner, open_cosigned, parse_cosigner, signed_message, verified
from services.audit_log.ledger.domain.merkle import EMPTY_ROOT
from services.audit_log.ledger.domain.signed_note import Ed25519Signer, NoteInvalid, SignatureLine, signature_lines

LOG = Ed25519Signer("example.com/behind-the-sofa", bytes(32))
TEXT = Checkpoint(LOG.verifier.name, 20852163, EMPTY_ROOT).text()
AT = 1679315147
ED, PQ = Ed25519PrivateKey.from_private_bytes(bytes(32)), MLDSA44PrivateKey.from_seed_bytes(bytes(32))
COSIGNERS = {
    4: Cosigner("witness.example/w1", 4, ED.public_key().public_bytes_raw()),
    6: Cosigner("witness.example/w1", 6, PQ.public_key().public_bytes_raw()),
}
SIGN: dict[int, Callable[[bytes], bytes]] = {4: ED.sign, 6: PQ.sign}


def line(kind: int, text: str = TEXT, at: int = AT) -> SignatureLine:
    cosigner = COSIGNERS[kind]
    signature = SIGN[kind](signed_message(kind, cosigner.name, at, text))
    return SignatureLine(cosigner.name, cosigner.id, at.to_bytes(8, "big") + signature)


def test_the_ed25519_message_is_that_of_the_specification() -> None:
    expected = b"cosignature/v1\ntime 1679315147\n" + TEXT.encode()
    assert signed_message(4, "witness.example/w1", AT, TEXT) == expected


def test_the_mldsa_message_is_the_structure_of_the_specification() -> None:
    message = signed_message(6, "witness.example/w1", AT, TEXT)
    assert message[:12] == b"subtree/v1\n\x00" and message[12:31] == b"\x12witness.example/w1"
    assert message[31:39] == AT.to_bytes(8, "big") and message[39:67] == b"\x1bexample.com/behind-the-sofa"
    assert message[67:] == bytes(8) + (20852163).to_bytes(8, "big") + EMPTY_ROOT


@pytest.mark.parametrize("kind", [4, 6])
def test_a_cosignature_verifies_and_each_change_of_it_does_not(kind: int) -> None:
    cosigner, good = COSIGNERS[kind], line(kind)
    assert parse_cosigner(cosigner.vkey) == cosigner
    (found,) = verified(TEXT, signature_lines(good.text()), [cosigner])
    assert (found.name, found.at, found.line) == ("witness.example/w1", AT, good.text())
    later = (AT + 1).to_bytes(8, "big") + good.signature[8:]
    for text, signature in (
        (TEXT.replace("20852163", "20852164"), good.signature),
        (TEXT.replace("sofa", "soda"), good.signature),
        (TEXT, later),
        (TEXT, bytes(8) + good.signature[8:]),
        (TEXT, good.signature[:-1]),
        (TEXT, good.signature + b"\x00"),
        (TEXT, good.signature[:-1] + bytes([good.signature[-1] ^ 1])),
        (TEXT, (2**63).to_bytes(8, "big") + good.signature[8:]),
    ):
        with pytest.raises(NoteInvalid, match="does not verify"):
            verified(text, [SignatureLine(good.name, good.key_id, signature)], [cosigner])


def test_extension_lines_are_covered_by_ed25519_and_refused_under_mldsa() -> None:
    extended = TEXT + "more\n"
    assert verified(extended, [line(4, extended)], [COSIGNERS[4]])
    with pytest.raises(NoteInvalid):
        verified(extended, [line(6)], [COSIGNERS[6]])


def test_a_witness_with_two_keys_counts_once() -> None:
    note = LOG.sign(TEXT) + (line(4).text() + line(6).text()).encode()
    assert len(open_cosigned(note, LOG.verifier, list(COSIGNERS.values()), 1)[1]) == 2
    with pytest.raises(NoteInvalid, match="2 witnesses are asked for, 1"):
        open_cosigned(note, LOG.verifier, list(COSIGNERS.values()), 2)


def test_one_key_without_its_log_is_not_enough() -> None:
    with pytest.raises(NoteInvalid):
        open_cosigned(f"{TEXT}\n{line(4).text()}".encode(), LOG.verifier, [COSIGNERS[4]], 1)


def test_witnesses_are_read_from_a_policy() -> None:
    text = f"# ours\nwitness w1 {COSIGNERS[4].vkey} https://w1.example/\nwitness w1 {COSIGNERS[6].vkey} https://w1.example\n\n"
    (witness,) = parse_witnesses(text)
    assert (witness.name, witness.url, len(witness.cosigners)) == ("w1", "https://w1.example", 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("witness w1", "line 1: a line is"),
        ("\ngroup all any w1 x", "line 2: a line is"),
        ("witness w1 bad https://w.example", "not a verifier key"),
        (f"witness w1 {LOG.verifier.vkey} https://w.example", "types 0x04"),
        (f"witness w1 {COSIGNERS[4].vkey} http://w.example", "over https"),
        (f"witness w {COSIGNERS[4].vkey} https://a.example\nwitness w {COSIGNERS[6].vkey} https://b.example", "another address"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_witnesses(text)

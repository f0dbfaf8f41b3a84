"""A passphrase guards a key pair: it opens with it and with no other, and a weak one is told so."""

import pytest

from shared.export.passphrase import ITERATIONS, WrongPassphrase, guarded_key_pair, open_key, weakness
from shared.export.recipient import recipient_of

GOOD = "two herons over a frozen weir"


def test_it_opens_with_its_passphrase_alone() -> None:
    public, sealed = guarded_key_pair(GOOD, iterations=1_000)
    assert set(public) == {"kty", "crv", "x", "y"}
    assert recipient_of(public).thumbprint == open_key(sealed, GOOD).thumbprint()
    for wrong in ("two herons over a frozen Weir", GOOD + "s", ""):
        with pytest.raises(WrongPassphrase) as refused:
            open_key(sealed, wrong)
        assert "herons" not in str(refused.value)


def test_every_keyboard_spells_it_alike() -> None:
    _, sealed = guarded_key_pair("  Zürich im Café, dort am Fluß ", iterations=1_000)
    assert open_key(sealed, "Zu\u0308rich im Cafe\u0301, dort am Fluß")


def test_it_is_dear_to_guess() -> None:
    _, sealed = guarded_key_pair(GOOD)
    assert ITERATIONS == 300_000
    assert open_key(sealed, GOOD), "as many iterations as the library opens"


@pytest.mark.parametrize("text", ["", "a.b.c.d.e", "not a jwe", "e30.e30.e30.e30.e30"])
def test_what_is_no_sealed_key_does_not_open(text: str) -> None:
    with pytest.raises(WrongPassphrase):
        open_key(text, GOOD)


@pytest.mark.parametrize(
    "weak",
    ["short words", "aaaaaaaaaaaaaaaaaaaa", "1234567890123456", "abcdefghijklmnop", "abc1 XYZ2abc1 XYZ2", "ab" * 12,
     "Correct horse battery staple!", " " * 20, "x" * 2_000],
)  # fmt: skip
def test_weak_ones_are_told_why(weak: str) -> None:
    assert weakness(weak)


@pytest.mark.parametrize("good", [GOOD, "qz7 lamp-river Oslo 44", "ひらがなの長い合言葉をえらぶとよいです"])
def test_good_ones_do(good: str) -> None:
    assert weakness(good) is None

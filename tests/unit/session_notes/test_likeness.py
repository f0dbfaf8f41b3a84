"""Names and addresses compared as people would, and told as flags alone."""

import pytest

from services.session_notes.clients.domain.clients import ClientIdentity
from services.session_notes.clients.domain.likeness import Alike, compare

NOOR = ClientIdentity(name="Noor Haddad", birth_date=None, address="12 Linden Row, Apt. 3, Springvale")


@pytest.mark.parametrize(
    ("name", "address", "alike"),
    [
        ("Sami Haddad", None, Alike(False, True, False)),
        ("Dr. SAMI HADDÁD", None, Alike(False, True, False)),
        ("Noor Haddad", None, Alike(True, True, False)),
        ("Haddad, Noor", None, Alike(True, False, False)),
        ("Lena Marsh", "12 Linden Row Apt 3 Springvale", Alike(False, False, True)),
        ("Lena Marsh", "13 Linden Row, Apt. 3, Springvale", Alike(False, False, False)),
        ("Haddad", "", Alike(False, False, False)),
        ("", None, Alike(False, False, False)),
    ],
)
def test_likeness(name: str, address: str | None, alike: Alike) -> None:
    assert compare(NOOR, name, address) == alike


def test_nobody_is_alike_by_what_is_not_known() -> None:
    unknown = ClientIdentity(name="", birth_date=None)
    assert compare(unknown, "", "") == compare(unknown, "Lena Marsh", None) == Alike(False, False, False)

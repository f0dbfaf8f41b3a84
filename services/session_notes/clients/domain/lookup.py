"""Looking for a client by identifier or name: how words are compared, and the tokens that stand for them (ADR 0055).

A token is a truncated HMAC: one bucket of 65,536, in which others may lie too. Whoever looks opens the few that it finds, and
compares.
"""

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.session_notes.clients.domain.clients import ClientIdentity
from shared.contracts.disclosure import IndexField, IndexKey
from shared.entry.names import folded

SPELLING: Final = 2
"""number of the rule by which names are folded before a token is made of them; another rule makes every token anew"""
TOKEN_BYTES: Final = 2
"""a bucket: two clients with one token are more often two names than namesakes, so the table does not say who is called alike"""


def normal(text: str) -> str:
    """One spelling of an identifier: NFKC, case folded (which may undo it, so once more), runs of blanks as one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to look for. At least an identifier or a name; whatever is given must agree."""

    name: str | None = None
    birth_date: date | None = None
    identifier: str | None = None
    system: str | None = None
    """of the identifier; None: of any system"""

    @property
    def field(self) -> IndexField:
        """The field that finds the fewest."""
        if self.identifier is not None:
            return IndexField.IDENTIFIER
        return IndexField.NAME if self.birth_date is None else IndexField.NAME_AND_BIRTH_DATE

    def token(self, key: IndexKey) -> bytes:
        """Of `field`, under its key."""
        assert key.field is self.field
        if self.identifier is not None:
            return _token(key, normal(self.identifier))
        name = folded(self.name or "")
        return _token(key, name) if self.birth_date is None else _token(key, name, self.birth_date.isoformat())

    def is_met_by(self, identity: ClientIdentity) -> bool:
        return (
            (self.name is None or folded(self.name) == folded(identity.name))
            and (self.birth_date is None or self.birth_date == identity.birth_date)
            and (self.identifier is None or any(self._names(i.system, i.value) for i in identity.identifiers))
        )

    def _names(self, system: str, value: str) -> bool:
        assert self.identifier is not None
        return normal(value) == normal(self.identifier) and (self.system is None or normal(system) == normal(self.system))


def tokens_of(identity: ClientIdentity, key: IndexKey) -> frozenset[bytes]:
    """Tokens of a client in one field; none where the field is not known of them."""
    match key.field:
        case IndexField.IDENTIFIER:
            return frozenset(_token(key, normal(i.value)) for i in identity.identifiers)
        case IndexField.NAME:
            return frozenset({_token(key, folded(identity.name))})
        case IndexField.NAME_AND_BIRTH_DATE:
            born = identity.birth_date
            return frozenset() if born is None else frozenset({_token(key, folded(identity.name), born.isoformat())})


def _token(key: IndexKey, *parts: str) -> bytes:
    said = b"".join(len(p).to_bytes(4, "big") + p for p in (part.encode() for part in parts))
    return hmac.digest(key.key, said, "sha256")[:TOKEN_BYTES]

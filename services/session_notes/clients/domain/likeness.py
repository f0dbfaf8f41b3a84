"""What a member of staff and a client have in common, as flags: names and addresses compared where alone they may be opened."""

from dataclasses import dataclass

from services.session_notes.clients.domain.clients import ClientIdentity
from shared.entry.names import folded


@dataclass(frozen=True, slots=True)
class Alike:
    same_person: bool
    same_surname: bool
    same_address: bool


def compare(client: ClientIdentity, name: str, address: str | None) -> Alike:
    """By letters and digits alone, in any case and without accents. A name of one word has no surname to compare."""
    theirs, ours = _words(client.name), _words(name)
    both = len(theirs) > 1 and len(ours) > 1
    there, here = _words(client.address or ""), _words(address or "")
    return Alike(
        same_person=both and set(theirs) == set(ours),
        same_surname=both and theirs[-1] == ours[-1],
        same_address=bool(there) and there == here,
    )


def _words(text: str) -> list[str]:
    words = "".join(c if c.isalnum() else " " for c in folded(text)).split()
    return [w for w in words if w not in _TITLES]


_TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "mx"})

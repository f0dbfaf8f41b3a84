"""What a client's pages say of a record: which words a state has, and which looks are folded together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RELEASES: Final = ("immediate", "delayed", "withheld")
"""who sees the client's ratings: the therapist at once, after some days, or not at all"""
OF_THEMSELVES: Final = frozenset({"client", "representative"})
BY_MACHINES: Final = frozenset({"service", "job", "ehr_system"})


@dataclass(frozen=True, slots=True)
class Looks:
    """Of one page of the access report."""

    by_people: list[dict[str, Any]]
    own: list[dict[str, Any]]
    by_machines: list[dict[str, Any]]
    """tasks that run by themselves; nobody saw anything"""


def folded(items: Sequence[Mapping[str, Any]]) -> Looks:
    looks = Looks([], [], [])
    for item in items:
        one = dict(item)
        if item["role"] in OF_THEMSELVES:
            looks.own.append(one)
        elif item["role"] in BY_MACHINES or item.get("seen_by") == "nobody":
            looks.by_machines.append(one)
        else:
            looks.by_people.append(one)
    return looks


@dataclass(frozen=True, slots=True)
class Agreements:
    to_sign: list[dict[str, Any]]
    """complete but for the client's own signature"""
    in_force: list[dict[str, Any]]
    over: list[dict[str, Any]]


def sorted_agreements(consents: Sequence[Mapping[str, Any]]) -> Agreements:
    found = Agreements([], [], [])
    for consent in consents:
        one = dict(consent)
        if consent["status"] == "active":
            found.in_force.append(one)
        elif consent["status"] == "proposed" and list(consent.get("missing", ())) == ["signature"]:
            found.to_sign.append(one)
        elif consent["status"] != "proposed":
            found.over.append(one)
    return found


def readable(notes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Notes that are shown: signed ones; a draft is still being written."""
    return [dict(note) for note in notes if note["status"] == "signed"]


def points(series: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(number of the rating, total), in order, of those that have a total."""
    totals = [one["scores"].get("total") for one in series.get("series", ())]
    return [(number, int(total)) for number, total in enumerate(totals, 1) if total is not None]

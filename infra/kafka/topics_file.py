"""Reads infra/kafka/topics.yaml: the strict small part of YAML that a flat list of settings needs, and nothing beyond it.

`key: value` lines in mappings indented by two spaces, comments, blank lines. Anything else (quotes, lists, anchors, tabs, a key
twice) is refused with its line. See ADR 0074 for why there is no YAML library.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("topics.yaml")
_LINE: Final = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z0-9][A-Za-z0-9._-]*):(?: +(?P<value>[A-Za-z0-9._-]+))?")
_WORDS: Final = {"partitions", "replication"}
SETTINGS: Final = frozenset(
    {
        "cleanup.policy",
        "retention.ms",
        "message.timestamp.type",
        "max.message.bytes",
        "min.insync.replicas",
        "unclean.leader.election.enable",
    }
)
"""what may be set of a topic: a misspelt name would set nothing"""


class Misread(ValueError):
    """The file is not what it should be; the message names the line."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One topic as it shall be."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]

    def config_on(self, replication: int) -> dict[str, str]:
        """On a cluster with fewer brokers at least one replica fewer than there are must be in step, and one at the least."""
        wanted = int(self.config["min.insync.replicas"])
        return {**self.config, "min.insync.replicas": str(min(wanted, max(1, replication - 1)))}


def declared(text: str | None = None) -> dict[str, Declared]:
    """By name. Raises Misread."""
    tree = _parsed(FILE.read_text() if text is None else text)
    if set(tree) != {"defaults", "topics"}:
        raise Misread("the file has two parts, `defaults` and `topics`")
    defaults = tree["defaults"]
    found = {}
    for name, own in tree["topics"].items():
        if isinstance(own, str):
            raise Misread(f"topic {name} is a mapping of settings, or empty")
        values = {**defaults, **own}
        missing = (_WORDS | SETTINGS) - set(values)
        if missing or set(values) - _WORDS - SETTINGS:
            raise Misread(f"topic {name}: {', '.join(sorted(missing or set(values) - _WORDS - SETTINGS))} is missing or unknown")
        if not all(isinstance(v, str) for v in values.values()):
            raise Misread(f"topic {name}: each setting has one value")
        words = {k: str(v) for k, v in values.items()}
        try:
            partitions, replication = int(words["partitions"]), int(words["replication"])
        except ValueError:
            raise Misread(f"topic {name}: partitions and replication are whole numbers") from None
        found[name] = Declared(name, partitions, replication, {k: words[k] for k in sorted(SETTINGS)})
    return found


Tree = dict[str, dict[str, "str | dict[str, str]"]]


def _parsed(text: str) -> Tree:
    tree: Tree = {}
    part: dict[str, str | dict[str, str]] | None = None
    inner: dict[str, str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split(" #")[0].rstrip()
        if not bare or bare.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(bare)
        if match is None:
            raise Misread(f"line {number}: `key: value` or `key:`, of letters, digits, dots, dashes")
        key, value, depth = match["key"], match["value"], len(match["indent"])
        target: dict[str, object] | None = {0: tree, 2: part, 4: inner}.get(depth)  # type: ignore[assignment]
        if target is None:
            raise Misread(f"line {number}: indent by two spaces, below a key without a value")
        if key in target:
            raise Misread(f"line {number}: {key} stands here twice")
        if depth == 0:
            if value is not None:
                raise Misread(f"line {number}: a part has settings below it")
            part, inner = tree.setdefault(key, {}), None
        elif depth == 2:
            inner = None if value is not None else {}
            assert part is not None
            part[key] = value if inner is None else inner
        elif value is None:
            raise Misread(f"line {number}: {key} wants a value")
        else:
            target[key] = value
    return tree

"""The peer's side: pymerkle on SQLite, a commit each. Runs in an environment of its own, so it imports nothing of this project.

python ledger_peer.py <file> <seconds>     entries appended a second, each durable, and the package's version
"""

import json
import sys
from importlib.metadata import version
from time import perf_counter

from pymerkle import SqliteTree

ENTRY = b"e" * 600
"""about the size of a ledger entry in canonical form"""


def main(file: str, seconds: float) -> None:
    tree, count = SqliteTree(file), 0
    end = (begun := perf_counter()) + seconds
    while perf_counter() < end:
        tree.append_entry(ENTRY + count.to_bytes(8, "big"))
        count += 1
    took = perf_counter() - begun
    assert tree.get_size() == count
    print(json.dumps({"per_second": count / took, "version": version("pymerkle")}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

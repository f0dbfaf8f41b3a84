"""`make contracts`: adds the golden files that are missing, and writes docs/events anew."""

import sys

from infra.contracts.documents import DOCUMENTS, write
from infra.contracts.golden import add_missing


def main() -> int:
    for path in add_missing():
        print(f"added {path.name}")
    for name in write():
        print(f"{DOCUMENTS / name} is no document of any message now: delete it where it was never released")
    return 0


if __name__ == "__main__":
    sys.exit(main())

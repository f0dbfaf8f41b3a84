"""`python -m tests.support.mutation_runner PACKAGES TEST…`: runs these tests for each line that comes in, in a fork of its own.

`PACKAGES`, by commas, are imported anew in each fork: they are changed, or may hold what is. The rest (libraries, often
`shared`) is imported once, which takes as long as the tests. The answer to a line is `0` where they passed, else another number.
The line is how many seconds they may take.
"""

import os
import signal
import sys

import pytest


def forget(packages: set[str]) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in packages and name != __name__:
            del sys.modules[name]


def once(tests: list[str], seconds: int) -> int:
    """Exit code of the tests in a child; 124 where they took too long."""
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = 1
        try:
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]))
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 124


def main(packages: str, tests: list[str]) -> None:
    sys.dont_write_bytecode = True
    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--collect-only", *tests], plugins=[])
    forget(set(packages.split(",")))
    print("ready", flush=True)
    for line in sys.stdin:
        print(once(tests, int(line)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""`python -m services.audit_log.worker`: one report or verification for the gate, in a process of its own (ADR 0029)."""

import os
from contextlib import suppress
from typing import Final

NICE: Final = 10


def give_way() -> None:
    """To every other process of the machine: on Linux it runs where a processor has nothing else to do, and leaves it at once."""
    os.nice(NICE)
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    give_way()
    # after it: what the job needs takes half a second of a processor to import
    from services.audit_log.worker_job import run

    run()


if __name__ == "__main__":
    main()

"""Ports for servers that the tests start."""

import os
import socket
from contextlib import ExitStack
from itertools import count
from random import SystemRandom
from typing import Final

_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_PORTS: Final = 2_000
_FIRST: Final = 10_000 + _PORTS * (_WORKER % 10)
_NEXT: Final = count(SystemRandom().randrange(_PORTS))


def free_port(together: int = 1) -> int:
    """The first of so many free loopback ports in a row.

    Of this worker's own range, and below what the kernel gives to outgoing connections: a server that is killed and started
    again finds its port free.
    """
    while True:
        port = _FIRST + next(_NEXT) % _PORTS
        with ExitStack() as stack:
            try:
                for one in range(port, port + together):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", one))
            except OSError:
                continue
        for _ in range(together - 1):
            next(_NEXT)
        return port

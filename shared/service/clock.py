"""The real clock, ids and randomness: handed in by the runners, never called by a domain."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4


def now() -> datetime:
    return datetime.now(UTC)


def seconds() -> float:
    return time.time()


def new_id() -> UUID:
    return uuid4()


def random(size: int) -> bytes:
    return os.urandom(size)

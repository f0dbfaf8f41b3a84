"""OpenBao as it fails in practice: hanging, away, an ended token; and that the service's token may do no more than it must."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from hvac.exceptions import Forbidden

from infra.openbao import setup
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.adapters.kms.port import KmsUnavailable
from services.audit_log.ledger.application.ports import KeyringUnavailable
from tests.support.openbao import OpenBao
from tests.support.ports import free_port

CONTEXT = b"context"


async def test_hanging_then_back(openbao: OpenBao) -> None:
    token = openbao.new_token()
    kms = OpenBaoKms(openbao.url, token=lambda: token, timeout=0.5)
    blob = await kms.wrap(b"k" * 32, CONTEXT)
    with openbao.hanging():
        began = time.monotonic()
        with pytest.raises(KeyringUnavailable):
            await kms.unwrap(blob, CONTEXT)
        assert time.monotonic() - began < 3
        assert not await kms.healthy()
    assert await kms.unwrap(blob, CONTEXT) == b"k" * 32
    assert await kms.healthy()
    await kms.close()


async def test_away(openbao: OpenBao) -> None:
    kms = OpenBaoKms(f"http://127.0.0.1:{free_port()}", token=lambda: "s.secret-token", timeout=0.5)
    await kms.open()
    with pytest.raises(KmsUnavailable) as error:
        await kms.wrap(b"k" * 32, CONTEXT)
    assert "secret-token" not in str(error.value)
    assert error.value.__cause__ is None and error.value.__suppress_context__
    assert not await kms.healthy()
    await kms.close()


async def test_an_ended_token_is_replaced_without_a_restart(openbao: OpenBao) -> None:
    tokens = [openbao.new_token(period=1)]
    kms = OpenBaoKms(openbao.url, token=lambda: tokens[-1])
    blob = await kms.wrap(b"k" * 32, CONTEXT)
    await asyncio.sleep(2.5)
    with pytest.raises(KmsUnavailable, match="token"):
        await kms.unwrap(blob, CONTEXT)
    tokens.append(openbao.new_token())
    assert await kms.unwrap(blob, CONTEXT) == b"k" * 32
    await kms.close()


async def test_the_token_is_renewed_before_it_ends(openbao: OpenBao) -> None:
    token = openbao.new_token(period=2)
    kms = OpenBaoKms(openbao.url, token=lambda: token)
    await kms.open()
    await asyncio.sleep(5)
    assert await kms.wrap(b"k" * 32, CONTEXT)
    await kms.close()


async def test_a_token_that_cannot_be_read_is_an_outage(openbao: OpenBao, tmp_path: Path) -> None:
    path = tmp_path / "token"
    kms = OpenBaoKms(openbao.url, token=path.read_text)
    with pytest.raises(KmsUnavailable):
        await kms.wrap(b"k" * 32, CONTEXT)
    path.write_text(openbao.new_token() + "\n")
    assert await kms.wrap(b"k" * 32, CONTEXT)
    await kms.close()


FORBIDDEN: dict[str, Any] = {
    "delete the key": lambda c: c.secrets.transit.delete_key("data-keys"),
    "rotate": lambda c: c.secrets.transit.rotate_key("data-keys"),
    "allow deletion": lambda c: c.write_data("transit/keys/data-keys/config", data={"deletion_allowed": True}),
    "destroy an epoch": lambda c: c.write_data("transit/keys/data-keys/trim", data={"min_available_version": 1}),
    "export": lambda c: c.secrets.transit.export_key("data-keys", "encryption-key"),
    "back it up": lambda c: c.secrets.transit.backup_key("data-keys"),
    "list keys": lambda c: c.secrets.transit.list_keys(),
    "make another key": lambda c: c.secrets.transit.create_key("mine"),
    "encrypt under a key of its own": lambda c: c.secrets.transit.encrypt_data("mine", plaintext="AAAA", context="AAAA"),
    "have data keys made in the clear": lambda c: c.secrets.transit.generate_data_key("data-keys", "plaintext", context="AAAA"),
    "make a token": lambda c: c.auth.token.create(policies=["root"]),
    "change its policy": lambda c: c.sys.create_or_update_policy("keyring", 'path "*" { capabilities = ["sudo"] }'),
    "seal the server": lambda c: c.sys.seal(),
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_the_services_token_may_not(openbao: OpenBao, what: str) -> None:
    token = await asyncio.to_thread(openbao.new_token)
    with pytest.raises(Forbidden):
        await asyncio.to_thread(FORBIDDEN[what], setup.client_of(openbao.url, token))


@pytest.mark.parametrize("call", ["wrap", "unwrap", "rewrap"])
async def test_the_operators_token_reads_no_key(openbao: OpenBao, call: str) -> None:
    tokens = {policy: openbao.new_token(policy=policy) for policy in ("keyring", "keyring-operator")}
    service = OpenBaoKms(openbao.url, token=lambda: tokens["keyring"])
    operator = OpenBaoKms(openbao.url, token=lambda: tokens["keyring-operator"])
    blob = await service.wrap(b"k" * 32, CONTEXT)
    with pytest.raises(KmsUnavailable):
        await getattr(operator, call)(blob, CONTEXT)
    await service.close()
    await operator.close()


def test_setup_may_run_again_and_keeps_the_token(openbao: OpenBao, tmp_path: Path) -> None:
    path = tmp_path / "token"
    environ = {"BAO_ADDR": openbao.url, "BAO_TOKEN": openbao.root_token, "KMS_TOKEN_FILE": str(path), "KMS_TOKEN_PERIOD": "30"}
    assert setup.main(environ) == 0
    token = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert setup.main(environ) == 0
    assert path.read_text() == token
    path.write_text("s.gone")
    assert setup.main(environ) == 0
    assert path.read_text() not in ("s.gone", token)


def test_setup_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main({"BAO_ADDR": "http://127.0.0.1:1"}) == 2
    assert "BAO_TOKEN" in capsys.readouterr().err


def test_setup_with_a_token_that_may_not(openbao: OpenBao, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"BAO_ADDR": openbao.url, "BAO_TOKEN": openbao.new_token(), "KMS_TOKEN_FILE": str(tmp_path / "token")}
    assert setup.main(environ) == 1
    assert "allowed" in capsys.readouterr().err
    assert not (tmp_path / "token").exists()


async def test_a_proxy_of_the_environment_is_not_used(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    token = openbao.new_token()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    kms = OpenBaoKms(openbao.url, token=lambda: token)
    assert await kms.wrap(b"k" * 32, CONTEXT)
    await kms.close()

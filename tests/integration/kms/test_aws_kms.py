"""AWS KMS as it fails in practice: away, hanging, without a key. See test_kms_conformance.py for what moto's server proves."""

import os
import signal

import pytest

from services.audit_log.keyring.adapters.kms.aws import AwsKms
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap, KmsUnavailable
from tests.support.aws import REGION, Aws
from tests.support.ports import free_port


async def test_away(aws: Aws) -> None:
    kms = AwsKms(REGION, endpoint=f"http://127.0.0.1:{free_port()}", timeout=0.3)
    with pytest.raises(KmsUnavailable) as error:
        await kms.unwrap(b"aws:v1:c2VjcmV0", b"context")
    assert "c2VjcmV0" not in str(error.value) and error.value.__suppress_context__
    assert not await kms.healthy()
    await kms.close()


async def test_hanging_then_back(aws: Aws) -> None:
    like = aws.kms()
    await like.prepare()
    kms = AwsKms(REGION, name=like._alias.removeprefix("alias/").removesuffix("-v"), endpoint=aws.url, timeout=0.5)
    blob = await kms.wrap(b"k" * 32, b"context")
    os.kill(aws.pid, signal.SIGSTOP)
    try:
        with pytest.raises(KmsUnavailable):
            await kms.unwrap(blob, b"context")
    finally:
        os.kill(aws.pid, signal.SIGCONT)
    assert await kms.unwrap(blob, b"context") == b"k" * 32
    await kms.close()
    await like.close()


async def test_without_a_key_nothing_is_wrapped(aws: Aws) -> None:
    kms = aws.kms()
    with pytest.raises(KmsUnavailable, match="operator"):
        await kms.wrap(b"k" * 32, b"context")
    assert not await kms.healthy()
    await kms.prepare()
    await kms.prepare()
    assert await kms.epochs() == [1]
    await kms.close()


async def test_a_blob_of_another_provider_is_not_sent(aws: Aws) -> None:
    kms = aws.kms()
    for blob in (b"vault:v1:AAAA", b"file:v1:AAAA", b"aws:v1:", b"aws:v1:not base64"):
        with pytest.raises(CannotUnwrap):
            await kms.unwrap(blob, b"context")
    await kms.close()

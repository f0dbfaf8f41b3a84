"""AWS KMS as the KMS: one symmetric KMS key an epoch, found by its alias `alias/<name>-v<epoch>`.

AWS's own key rotation keeps every old key material for as long as the key lives, and destroys none alone. So an epoch is a key,
and destroying one schedules its deletion: it opens nothing from that moment, and is gone after the waiting time that AWS
demands (7 days at least), within which an administrator may still call it back. `recoverable` counts it until then.

Credentials and region come by botocore's own chain (container role, instance role, environment); policies: infra/aws.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from services.audit_log.keyring.adapters.kms.port import CallBook, CannotUnwrap, KmsUnavailable, NoBook, Operation, epoch_of

NAME: Final = "alliance-record-data-keys"
TIMEOUT: Final = 2.0
"""seconds to connect, and to answer"""
DELETION_DAYS: Final = 7
"""the least that AWS allows between an order to delete a key and its end"""
_PREFIX: Final = "alias/"
_REFUSED: Final = frozenset(
    {
        "InvalidCiphertextException",
        "IncorrectKeyException",
        "ValidationException",
        "NotFoundException",
        "KMSInvalidStateException",
        "DisabledException",
    }
)
_PENDING: Final = "PendingDeletion"

T = TypeVar("T")


class AwsKms:
    """`region` as in `eu-central-1`; `endpoint` for a private one (VPC). The first key and its alias are made by `prepare`."""

    def __init__(self, region: str, *, name: str = NAME, endpoint: str | None = None, timeout: float = TIMEOUT) -> None:
        # no proxy of the environment: this is the road to the keys
        config = Config(
            region_name=region,
            connect_timeout=timeout,
            read_timeout=timeout,
            max_pool_connections=32,
            retries={"total_max_attempts": 2, "mode": "standard"},
            proxies={},
        )
        self._region, self._endpoint, self._config = region, endpoint, config
        self._alias = f"{_PREFIX}{name}-v"
        self._made: Any = None
        self._book: CallBook = NoBook()

    def follow(self, book: CallBook) -> None:
        """By the request id that stands in each answer and in CloudTrail."""
        self._book = book

    async def open(self) -> None:
        """Nothing to keep alive: botocore renews a role's credentials itself."""

    async def close(self) -> None:
        client, self._made = self._made, None
        if client is not None:
            await asyncio.to_thread(client.close)

    async def prepare(self) -> None:
        """For an operator's credentials: makes the first epoch where there is none."""
        if not await self._states():
            await self._add(1)

    async def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        newest = (await self.epochs())[-1]
        answer = await self._noted(
            Operation.WRAP,
            context,
            lambda kms: kms.encrypt(KeyId=self._key(newest), Plaintext=plaintext, EncryptionContext=_bound(context)),
        )
        return _blob(newest, answer["CiphertextBlob"])

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        epoch, raw = _parts(blob)
        answer = await self._noted(
            Operation.UNWRAP,
            context,
            lambda kms: kms.decrypt(KeyId=self._key(epoch), CiphertextBlob=raw, EncryptionContext=_bound(context)),
        )
        return bytes(answer["Plaintext"])

    async def rewrap(self, blob: bytes, context: bytes) -> bytes:
        epoch, raw = _parts(blob)
        newest = (await self.epochs())[-1]
        answer = await self._noted(
            Operation.REWRAP,
            context,
            lambda kms: kms.re_encrypt(
                CiphertextBlob=raw,
                SourceKeyId=self._key(epoch),
                SourceEncryptionContext=_bound(context),
                DestinationKeyId=self._key(newest),
                DestinationEncryptionContext=_bound(context),
            ),
        )
        return _blob(newest, answer["CiphertextBlob"])

    async def rotate(self) -> int:
        """For an operator's credentials: the service's own may not."""
        newest = max(await self._states(), default=0) + 1
        await self._add(newest)
        return newest

    async def destroy_epoch(self, version: int) -> None:
        """For an operator's credentials: the service's own may not."""
        states = await self._states()
        if version >= max(states, default=0):
            raise ValueError("the newest epoch is in use: rotate and rewrap before it is destroyed")
        for epoch, (key_id, state) in sorted(states.items()):
            if epoch <= version and state != _PENDING:
                await self._delete(key_id)

    async def epochs(self) -> list[int]:
        found = sorted(epoch for epoch, (_, state) in (await self._states()).items() if state == "Enabled")
        if not found:
            raise KmsUnavailable(f"AWS KMS has no enabled key {self._alias}<epoch>: an operator has to make the first one")
        return found

    async def recoverable(self) -> list[int]:
        return sorted(await self._states())

    async def healthy(self) -> bool:
        try:
            return bool(await self.epochs())
        except KmsUnavailable:
            return False

    async def _states(self) -> dict[int, tuple[str, str]]:
        """Key id and state of each epoch; the alias of a key that is gone is gone as well."""

        def ask(kms: Any) -> dict[int, tuple[str, str]]:
            found = {}
            for page in kms.get_paginator("list_aliases").paginate():
                for alias in page["Aliases"]:
                    number = alias["AliasName"].removeprefix(self._alias)
                    if number.isascii() and number.isdigit() and "TargetKeyId" in alias:
                        described = kms.describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
                        found[int(number)] = (str(described["KeyId"]), str(described["KeyState"]))
            return found

        return await self._call(ask)

    async def _add(self, epoch: int) -> None:
        made = await self._call(lambda kms: kms.create_key(Description=f"{self._alias}{epoch}", KeyUsage="ENCRYPT_DECRYPT"))
        key_id = str(made["KeyMetadata"]["KeyId"])
        await self._call(lambda kms: kms.create_alias(AliasName=self._key(epoch), TargetKeyId=key_id))

    async def _delete(self, key_id: str) -> None:
        await self._call(lambda kms: kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=DELETION_DAYS))

    def _key(self, epoch: int) -> str:
        return f"{self._alias}{epoch}"

    def _client(self) -> Any:
        if self._made is None:
            self._made = get_session().create_client("kms", endpoint_url=self._endpoint, config=self._config)
        return self._made

    async def _noted(self, operation: Operation, context: bytes, work: Callable[[Any], Any]) -> Any:
        answer = await self._call(work)
        await self._book.note(operation, context, str(answer["ResponseMetadata"]["RequestId"]))
        return answer

    async def _call(self, work: Callable[[Any], T]) -> T:
        """Errors are told anew: those of the client quote key ids and what was sent."""
        try:
            return await asyncio.to_thread(lambda: work(self._client()))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _REFUSED:
                raise CannotUnwrap("the KMS refuses this request: another context, a changed blob or a destroyed epoch") from None
            raise KmsUnavailable("AWS KMS refuses these credentials, or fails: see its own log") from None
        except BotoCoreError as error:
            raise KmsUnavailable(f"AWS KMS does not answer ({type(error).__name__})") from None


def _bound(context: bytes) -> dict[str, str]:
    """Authenticated by AWS, and written into its own log: the context holds ids alone, never a name."""
    return {"context": b64encode(context).decode()}


def _blob(epoch: int, raw: bytes) -> bytes:
    return b"aws:v%d:" % epoch + b64encode(raw)


def _parts(blob: bytes) -> tuple[int, bytes]:
    try:
        provider, _, raw = blob.split(b":", 2)
        if provider != b"aws" or not raw:
            raise ValueError("not a blob of this provider")
        return epoch_of(blob), b64decode(raw, validate=True)
    except ValueError:
        raise CannotUnwrap("this wrapped key was changed, or wrapped by another KMS") from None

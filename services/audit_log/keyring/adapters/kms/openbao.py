"""OpenBao (HashiCorp Vault's transit API) as the KMS: the key-encryption keys never leave it.

The transit key is `derived`: the context takes part in the key derivation, so a blob opens with its own context only, and
rewrapping keeps it (rewrapping ciphertext with associated data fails there).
"""

import asyncio
import contextlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, Final, TypeVar

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidRequest, VaultError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from services.audit_log.keyring.adapters.kms.port import AnswerLost, CallBook, CannotUnwrap, KmsUnavailable, NoBook, Operation
from services.audit_log.ledger.application.ports import KeyringUnavailable

MOUNT: Final = "transit"
KEY_NAME: Final = "data-keys"
TIMEOUT: Final = 2.0
"""seconds for one call; a call takes about 1.5 ms"""
RENEW_AT: Final = 1 / 3
"""a token is renewed after this part of its period, so that two renewals may fail"""
RETRY_AFTER: Final = 5.0
"""seconds between two tries to renew, while the KMS is away"""

T = TypeVar("T")


class OpenBaoKms:
    """`token()` gives the service's token, and is asked again when the token is refused: a new one needs no restart.

    `verify` is the CA bundle's path for TLS, True for the system's. `infra.openbao.setup` makes key, policy and token.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str],
        key: str = KEY_NAME,
        mount: str = MOUNT,
        verify: bool | str = True,
        timeout: float = TIMEOUT,
    ) -> None:
        session = requests.Session()
        session.trust_env = False  # neither proxies nor credentials of the environment: this is the road to the keys
        session.verify = verify
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=32))
        # an empty token, because for None the client looks in the environment and the home directory
        self._client = hvac.Client(
            url=url,
            token="",
            verify=verify,
            timeout=timeout,
            session=session,
            allow_redirects=False,
        )
        self._token, self._key, self._mount = token, key, mount
        self._book: CallBook = NoBook()
        self._renewing: asyncio.Task[None] | None = None

    def follow(self, book: CallBook) -> None:
        """By the request id that stands in each answer and in OpenBao's audit log."""
        self._book = book

    async def open(self) -> None:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_token(), name="kms-token")

    async def close(self) -> None:
        task, self._renewing = self._renewing, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(self._client.adapter.close)

    async def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        answer = await self._noted(
            Operation.WRAP,
            context,
            lambda: self._transit.encrypt_data(
                self._key, plaintext=_b64(plaintext), context=_b64(context), mount_point=self._mount
            ),
        )
        return str(answer["data"]["ciphertext"]).encode()

    async def unwrap(self, blob: bytes, context: bytes) -> bytes:
        answer = await self._noted(
            Operation.UNWRAP,
            context,
            lambda: self._transit.decrypt_data(
                self._key, ciphertext=blob.decode(), context=_b64(context), mount_point=self._mount
            ),
        )
        return b64decode(answer["data"]["plaintext"])

    async def rewrap(self, blob: bytes, context: bytes) -> bytes:
        answer = await self._noted(
            Operation.REWRAP,
            context,
            lambda: self._transit.rewrap_data(
                self._key, ciphertext=blob.decode(), context=_b64(context), mount_point=self._mount
            ),
        )
        return str(answer["data"]["ciphertext"]).encode()

    async def rotate(self) -> int:
        """For an operator's token: the service's own may not."""
        await self._call(lambda: self._transit.rotate_key(self._key, mount_point=self._mount))
        return (await self.epochs())[-1]

    async def destroy_epoch(self, version: int) -> None:
        """For an operator's token: the service's own may not."""
        if version >= (await self.epochs())[-1]:
            raise ValueError("the newest epoch is in use: rotate and rewrap before it is destroyed")
        oldest = version + 1
        path = f"{self._mount}/keys/{self._key}"
        # the client's own method refuses equal minima, which the server takes and `trim` wants
        minima = {"min_decryption_version": oldest, "min_encryption_version": oldest}
        await self._call(lambda: self._client.write_data(f"{path}/config", data=minima))
        await self._call(lambda: self._client.write_data(f"{path}/trim", data={"min_available_version": oldest}))

    async def epochs(self) -> list[int]:
        answer = await self._call(lambda: self._transit.read_key(self._key, mount_point=self._mount))
        data = answer["data"]
        return sorted(v for v in map(int, data["keys"]) if v >= int(data["min_decryption_version"]))

    async def recoverable(self) -> list[int]:
        """Also the versions below the least that decrypts: until they are trimmed an administrator may lower it again."""
        answer = await self._call(lambda: self._transit.read_key(self._key, mount_point=self._mount))
        data = answer["data"]
        least = max(int(data.get("min_available_version") or 0), 1)
        return list(range(least, int(data["latest_version"]) + 1))

    async def healthy(self) -> bool:
        try:
            return bool(await self.epochs())
        except KmsUnavailable:
            return False

    async def renew(self) -> float:
        """Renews the token; seconds until it ends if it is not renewed again (0: it never ends)."""
        answer = await self._call(lambda: self._client.auth.token.renew_self())
        return float(answer["auth"]["lease_duration"])

    @property
    def _transit(self) -> Any:
        return self._client.secrets.transit

    async def _noted(self, operation: Operation, context: bytes, work: Callable[[], Any]) -> Any:
        """The answer, noted before it is used. One that is lost may stand in the KMS's log all the same: noted as lost."""
        try:
            answer = await self._call(work)
        except AnswerLost:
            with contextlib.suppress(KeyringUnavailable):
                await self._book.note(operation, context, None)
            raise
        await self._book.note(operation, context, str(answer.get("request_id", "")))
        return answer

    async def _call(self, work: Callable[[], T]) -> T:
        """Errors are told anew: those of the client quote addresses and what was sent."""
        for last in (False, True):
            used = self._client.token
            try:
                return await asyncio.to_thread(work)
            except InvalidRequest:
                raise CannotUnwrap("the KMS refuses this request: another context, a changed blob or a destroyed epoch") from None
            except Forbidden:
                if last or not self._has_newer_token(used):
                    raise KmsUnavailable("the KMS refuses this token: give the service a new one") from None
            except (VaultError, requests.RequestException) as error:
                kind = AnswerLost if _was_sent(error) else KmsUnavailable
                raise kind("the KMS does not answer, or is sealed") from None
        raise AssertionError

    def _has_newer_token(self, used: str) -> bool:
        try:
            token = self._token().strip()
        except OSError:
            raise KmsUnavailable("the token for the KMS cannot be read") from None
        if token:
            self._client.token = token
        # compared with the one that was refused: a call at the same time may have taken the new one first
        return bool(self._client.token != used)

    async def _keep_token(self) -> None:
        while True:
            try:
                period = await self.renew()
            except (KmsUnavailable, CannotUnwrap):
                await asyncio.sleep(RETRY_AFTER)
            else:
                await asyncio.sleep(period * RENEW_AT if period else 3_600)


def _was_sent(error: Exception) -> bool:
    """Whether the server may have taken the request although nothing came back; a refused connection takes none."""
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ReadTimeout) or isinstance(cause, ProtocolError)


def _b64(data: bytes) -> str:
    return b64encode(data).decode()

"""What the gateway needs of the services behind it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from shared.contracts.records import ServiceName


class ServiceUnreachable(Exception):
    """No answer, or one that broke off."""


class Answer(Protocol):
    """An answer that has begun."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, once. ServiceUnreachable where it breaks off."""


class Services(Protocol):
    def call(
        self, method: str, service: ServiceName, path: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[Answer]:
        """The answer, for as long as the context is open. ServiceUnreachable."""

"""Keys of services: each holds its own private ones; all know the public directory.

A service has an Ed25519 key (signs its events and its assertions). The gate has an X25519 key as well, with which callers
agree on a request-signing key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared import base64url
from shared.contracts.records import ServiceName


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """A service's own private keys, both from one 32-byte seed."""

    name: ServiceName
    signing: Ed25519PrivateKey
    agreement: X25519PrivateKey
    secret: bytes = field(repr=False)
    """32 bytes for HMACs that never leave the service"""

    @classmethod
    def from_seed(cls, name: ServiceName, seed: bytes) -> "ServiceKeys":
        if len(seed) != 32:
            raise ValueError("a service's key seed has 32 bytes: run `make secrets`")

        def derive(label: str) -> bytes:
            return HKDF(SHA256(), 32, salt=None, info=f"alliance-record/{name}/{label}".encode()).derive(seed)

        return cls(
            name,
            Ed25519PrivateKey.from_private_bytes(derive("signing")),
            X25519PrivateKey.from_private_bytes(derive("agreement")),
            derive("secret"),
        )

    def public(self) -> dict[str, str]:
        return {
            "signing": base64url.encode(self.signing.public_key().public_bytes_raw()),
            "agreement": base64url.encode(self.agreement.public_key().public_bytes_raw()),
        }


class ServiceDirectory:
    """Public keys of all services, from the file that `make secrets` writes (JSON: name → signing, agreement)."""

    def __init__(self, entries: Mapping[str, Mapping[str, str]]) -> None:
        self._signing = {
            ServiceName(n): Ed25519PublicKey.from_public_bytes(base64url.decode(e["signing"])) for n, e in entries.items()
        }
        self._agreement = {
            ServiceName(n): X25519PublicKey.from_public_bytes(base64url.decode(e["agreement"])) for n, e in entries.items()
        }

    def signing(self, name: ServiceName) -> Ed25519PublicKey:
        """KeyError where the service is unknown."""
        return self._signing[name]

    def agreement(self, name: ServiceName) -> X25519PublicKey:
        return self._agreement[name]

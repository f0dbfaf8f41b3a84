"""One origin and one signing key for each tenant's log, from the ledger's seed."""

import re
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.audit_log.domain.note import Ed25519Signer, check_name

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class LogKeys:
    """`origin = <prefix>/<tenant>`; the Ed25519 seed is HKDF-SHA256(seed, info = "ledger-signing" ‖ 0 ‖ tenant)."""

    def __init__(self, seed: bytes, origin_prefix: str) -> None:
        if len(seed) != 32:
            raise ValueError("the ledger's seed has 32 bytes")
        self._seed = seed
        self._prefix = check_name(origin_prefix.strip("/"))
        self.signer = lru_cache(maxsize=1024)(self._signer)

    def _signer(self, tenant: str) -> Ed25519Signer:
        info = b"ledger-signing\x00" + check_tenant(tenant).encode()
        seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._seed)
        return Ed25519Signer(f"{self._prefix}/{tenant}", seed)


def check_tenant(tenant: str) -> str:
    """A tenant's name as tokens carry it. Raises ValueError."""
    if not _TENANT.fullmatch(tenant):
        raise ValueError("a tenant is named by a-z, 0-9, '.', '_', '-', at most 63")
    return tenant

"""One origin for each tenant's log, and its signing keys: from the ledger's seed, and from seeds that are about to retire."""

import re
from collections.abc import Sequence
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.signed_note import Ed25519Signer, Ed25519Verifier, check_name, split_note

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")


class LogKeys:
    """`origin = <prefix>/<tenant>`; the Ed25519 seed is HKDF-SHA256(seed, info = "ledger-signing" ‖ 0 ‖ tenant)."""

    def __init__(self, seeds: Sequence[bytes], origin_prefix: str) -> None:
        """The newest seed first. While an older one is given, checkpoints are signed by both, so that who trusts the old key
        alone goes on verifying, and an anchor signed by it alone is taken over (`docs/operations/ledger.md`)."""
        if not seeds or any(len(seed) != 32 for seed in seeds):
            raise ValueError("the ledger's seed has 32 bytes")
        self._seeds = tuple(seeds)
        self._prefix = check_name(origin_prefix.strip("/"))
        self.signers = lru_cache(maxsize=1024)(self._signers)

    def signer(self, tenant: str) -> Ed25519Signer:
        """The newest."""
        return self.signers(tenant)[0]

    def verifiers(self, tenant: str) -> list[Ed25519Verifier]:
        return [signer.verifier for signer in self.signers(tenant)]

    def vkeys(self, tenant: str) -> tuple[str, ...]:
        """Newest first."""
        return tuple(verifier.vkey for verifier in self.verifiers(tenant))

    def sign(self, tenant: str, checkpoint: Checkpoint) -> bytes:
        """The checkpoint as a note, signed by every key."""
        newest, *retiring = self.signers(tenant)
        note = checkpoint.sign(newest)
        for signer in retiring:
            note += "".join(line.text() for line in split_note(checkpoint.sign(signer))[1]).encode()
        return note

    def _signers(self, tenant: str) -> tuple[Ed25519Signer, ...]:
        info = b"ledger-signing\x00" + check_tenant(tenant).encode()
        derived = [HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(seed) for seed in self._seeds]
        return tuple(Ed25519Signer(f"{self._prefix}/{tenant}", seed) for seed in derived)


def check_tenant(tenant: str) -> str:
    """A tenant's name as tokens carry it. Raises ValueError."""
    if not _TENANT.fullmatch(tenant):
        raise ValueError("a tenant is named by a-z, 0-9, '.', '_', '-', at most 63")
    return tenant

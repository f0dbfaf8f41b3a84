"""What witnesses cosigned, and the keys that signed a log, in the ledger's database."""

from typing import Any, Final

from services.audit_log.ledger.adapters.rows import Connection, Pool, begin
from services.audit_log.ledger.application.ledger_view import CosignedCheckpoint, SigningKey

_SELECT: Final = """
SELECT witness, size, note, lines, cosigned_at, collected_at FROM ledger_cosignature ORDER BY witness
"""
_KEEP: Final = """
INSERT INTO ledger_cosignature (tenant_id, witness, size, note, lines, cosigned_at, collected_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, witness) DO UPDATE SET size = excluded.size, note = excluded.note, lines = excluded.lines,
  cosigned_at = excluded.cosigned_at, collected_at = excluded.collected_at
WHERE ledger_cosignature.size <= excluded.size
"""
_KEYS: Final = "SELECT vkey, since_size, since FROM ledger_vkey ORDER BY since, since_size"


async def read_cosigned(connection: Connection) -> list[CosignedCheckpoint]:
    """By name of the witness."""
    return [CosignedCheckpoint(**row) for row in await connection.fetch(_SELECT)]


async def keep_cosigned(pool: Pool, tenant: str, c: CosignedCheckpoint) -> None:
    """An older one than is kept changes nothing."""
    async with pool.acquire() as connection:
        await connection.execute(begin(tenant))
        try:
            await connection.execute(_KEEP, tenant, c.witness, c.size, c.note, c.lines, c.cosigned_at, c.collected_at)
            await connection.execute("COMMIT")
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise


async def read_keys(connection: Connection, current: tuple[str, ...]) -> list[SigningKey]:
    return [_key(row, current) for row in await connection.fetch(_KEYS)]


def _key(row: Any, current: tuple[str, ...]) -> SigningKey:
    return SigningKey(row["vkey"], row["since_size"], row["since"], row["vkey"] in current)

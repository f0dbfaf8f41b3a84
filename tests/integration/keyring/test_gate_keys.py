"""The gate's own keys: wrapped by the KMS, rewrapped with the data keys, destroyed when they end, and part of what is final."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.domain.gate_keys import OPENS_FOR, WRITTEN_FOR
from services.audit_log.ledger.application.ports import UnknownKey
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from shared.contracts.records import KeyClass
from shared.service.clock import now
from shared.service.parts import DatabaseUrls
from tests.integration.keyring.conftest import CountedKms

CLIENT, NOTES = "client-1", KeyClass.PROGRESS_NOTE
ERASURE = UUID(int=7)


async def test_a_key_is_published_and_its_private_half_comes_back(keyring: PostgresKeyring) -> None:
    at = now()
    assert await keyring.gate_keys.newest(at) is None
    made = await keyring.gate_keys.make(at)
    assert await keyring.gate_keys.newest(at) == made
    assert await keyring.gate_keys.newest(at + WRITTEN_FOR) is None, "an ended key is written to no more"
    opening = await keyring.gate_keys.opening(made.key_id)
    assert opening is not None
    assert X25519PrivateKey.from_private_bytes(opening.private).public_key().public_bytes_raw() == made.public
    with pytest.raises(UnknownKey):
        await keyring.gate_keys.opening("g_unknown")


async def test_the_newest_is_written_to_and_the_older_still_opens(keyring: PostgresKeyring) -> None:
    at = now()
    older = await keyring.gate_keys.make(at - timedelta(days=8))
    newer = await keyring.gate_keys.make(at)
    assert await keyring.gate_keys.newest(at) == newer
    assert await keyring.gate_keys.opening(older.key_id)


async def test_an_ended_key_is_destroyed_and_stays_so(keyring: PostgresKeyring, urls: DatabaseUrls) -> None:
    at = now()
    made = await keyring.gate_keys.make(at)
    assert await keyring.gate_keys.destroy_ended(at + OPENS_FOR - timedelta(seconds=1)) == []
    assert await keyring.gate_keys.destroy_ended(at + OPENS_FOR) == [made.key_id]
    assert await keyring.gate_keys.opening(made.key_id) is None
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SELECT set_config('app.tenant_id', $1, false)", SYSTEM_TENANT)
    for change in ("UPDATE gate_key SET state = 'active'", "DELETE FROM gate_key"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(change)
    await connection.close()


async def test_it_moves_to_a_new_epoch_with_the_data_keys(keyring: PostgresKeyring, kms: CountedKms) -> None:
    made = await keyring.gate_keys.make(now())
    old = (await kms.epochs())[-1]
    await kms.rotate()
    assert await keyring.tenants() == [SYSTEM_TENANT]
    assert await keyring.rewrap(SYSTEM_TENANT) == 0
    await kms.destroy_epoch(old)
    assert await keyring.gate_keys.opening(made.key_id)


async def test_an_erasure_is_not_final_while_a_waiting_note_could_be_opened(keyring: PostgresKeyring, kms: CountedKms) -> None:
    """A backup of the notes holds the envelope, so the gate's key has to be gone as the client's own."""
    at = now()
    made = await keyring.gate_keys.make(at)
    await keyring.gate_keys.note_use("clinic-a", CLIENT, NOTES, made.key_id)
    await keyring.gate_keys.note_use("clinic-a", CLIENT, NOTES, made.key_id)
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    await kms.rotate()
    for tenant in await keyring.tenants():
        await keyring.rewrap(tenant)
    await kms.destroy_epoch(1)
    assert not await keyring.is_final("clinic-a", CLIENT, [NOTES]), "the gate's key still opens"
    await keyring.gate_keys.destroy_ended(at + OPENS_FOR)
    assert not await keyring.is_final("clinic-a", CLIENT, [NOTES]), "a backup of the keyring still opens it"
    await kms.rotate()
    await kms.destroy_epoch(2)
    assert await keyring.is_final("clinic-a", CLIENT, [NOTES])


async def test_another_clients_use_holds_nothing_back(keyring: PostgresKeyring, kms: CountedKms) -> None:
    made = await keyring.gate_keys.make(now())
    await keyring.gate_keys.note_use("clinic-a", "client-2", NOTES, made.key_id)
    await keyring.gate_keys.note_use("clinic-a", CLIENT, KeyClass.PSYCHOTHERAPY_NOTE, made.key_id)
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    await kms.rotate()
    await keyring.rewrap("clinic-a")
    await keyring.rewrap(SYSTEM_TENANT)
    await kms.destroy_epoch(1)
    assert await keyring.is_final("clinic-a", CLIENT, [NOTES])

"""The keyring on a real PostgreSQL: one key at first use, erased is not unknown, fences, races, outages."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from infra.postgres.provision import OwnedDatabase
from services.audit_log.keyring.adapters import rewrapping
from services.audit_log.keyring.adapters.key_cache import KeyCache
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.port import CannotUnwrap
from services.audit_log.keyring.domain.keys import is_key_id
from services.audit_log.ledger.application.ports import Erased, KeyFenced, KeyringUnavailable, KeyWanted, UnknownKey
from shared.contracts.disclosure import IndexField, RecordKey
from shared.contracts.records import KeyClass
from shared.service.clock import now
from tests.integration.keyring.conftest import CountedKms

CLIENT = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
NOTES, PRIVATE = KeyClass.PROGRESS_NOTE, KeyClass.PSYCHOTHERAPY_NOTE
ERASURE = uuid4()


def want(key: RecordKey, *, client: str = CLIENT, key_class: KeyClass = NOTES, record: str | None = None) -> KeyWanted:
    return KeyWanted(client, key_class, record or key.record_id, key.kid)


async def other_process(urls: OwnedDatabase, kms: CountedKms) -> PostgresKeyring:
    made = PostgresKeyring(urls, CountedKms(kms._path), now=now, random=os.urandom, new_id=uuid4)
    await made.open()
    return made


async def test_first_use_makes_a_key_and_the_same_one_is_found_again(keyring: PostgresKeyring) -> None:
    made = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert is_key_id(made.kid) and len(made.key) == 32 and made.key_class is NOTES
    assert await keyring.record_keys("clinic-a", [want(made)]) == [made]
    again = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert again == made


async def test_each_record_class_client_and_tenant_has_a_key_of_its_own(keyring: PostgresKeyring) -> None:
    keys = [
        await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1"),
        await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r2"),
        await keyring.new_record_key("clinic-a", CLIENT, PRIVATE, "r1"),
        await keyring.new_record_key("clinic-a", OTHER, NOTES, "r1"),
        await keyring.new_record_key("clinic-b", CLIENT, NOTES, "r1"),
    ]
    assert len({k.key for k in keys}) == 5
    assert len({k.kid for k in keys}) == 4  # two records of one client and class share a data key


async def test_concurrent_first_use_makes_exactly_one_key(keyring: PostgresKeyring, kms: CountedKms) -> None:
    made = await asyncio.gather(*(keyring.new_record_key("clinic-a", CLIENT, NOTES, f"r{i}") for i in range(20)))
    assert len({k.kid for k in made}) == 1
    assert len({k.key for k in made}) == 20
    assert kms.calls["wrap"] == 1


async def test_concurrent_first_use_in_two_processes(keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms) -> None:
    second = await other_process(urls, kms)
    try:
        for round_ in range(10):
            client = f"client-{round_}"
            made = await asyncio.gather(
                *(k.new_record_key("clinic-a", client, NOTES, "r1") for k in (keyring, second) for _ in range(10))
            )
            assert len({(k.kid, k.key) for k in made}) == 1
    finally:
        await second.close()
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    assert await connection.fetchval("SELECT count(*) FROM data_key") == 10
    await connection.close()


async def test_many_reads_at_once_ask_the_kms_once_a_key(keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms) -> None:
    one = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    two = await keyring.new_record_key("clinic-a", CLIENT, PRIVATE, "r2")
    fresh_kms = CountedKms(kms._path)
    fresh = PostgresKeyring(urls, fresh_kms, now=now, random=os.urandom, new_id=uuid4)
    await fresh.open()
    wanted = [want(one), want(two, key_class=PRIVATE), want(one, record="r9")]
    answers = await asyncio.gather(*(fresh.record_keys("clinic-a", wanted) for _ in range(100)))
    await fresh.close()
    assert {tuple(k.record_id for k in answer) for answer in answers} == {("r1", "r2", "r9")}
    assert all(answer[:2] == [one, two] for answer in answers)
    assert fresh_kms.calls["unwrap"] == 2


async def test_unknown_is_not_erased(keyring: PostgresKeyring) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE) == [key.kid]
    assert await keyring.record_keys("clinic-a", [want(key)]) == [Erased("r1", key.kid)]
    with pytest.raises(UnknownKey):
        await keyring.record_keys("clinic-a", [KeyWanted(CLIENT, NOTES, "r1", "k_" + "x" * 22)])


async def test_erasing_one_class_leaves_the_others(keyring: PostgresKeyring) -> None:
    note = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    private = await keyring.new_record_key("clinic-a", CLIENT, PRIVATE, "r2")
    other = await keyring.new_record_key("clinic-a", OTHER, PRIVATE, "r3")
    elsewhere = await keyring.new_record_key("clinic-b", CLIENT, PRIVATE, "r4")
    await keyring.shred("clinic-a", CLIENT, [PRIVATE], ERASURE)
    answers = await keyring.record_keys("clinic-a", [want(note), want(private, key_class=PRIVATE)])
    assert answers == [note, Erased("r2", private.kid)]
    assert await keyring.record_keys("clinic-a", [want(other, client=OTHER, key_class=PRIVATE)]) == [other]
    assert await keyring.record_keys("clinic-b", [want(elsewhere, key_class=PRIVATE)]) == [elsewhere]


async def test_another_tenants_key_is_unknown(keyring: PostgresKeyring) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    with pytest.raises(UnknownKey):
        await keyring.record_keys("clinic-b", [want(key)])


@pytest.mark.parametrize("claim", [{"client": OTHER}, {"key_class": PRIVATE}])
async def test_a_key_claimed_for_another_client_or_class_is_unknown(keyring: PostgresKeyring, claim: dict[str, str]) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    with pytest.raises(UnknownKey):
        await keyring.record_keys("clinic-a", [want(key, **claim)])  # type: ignore[arg-type]


async def test_a_fence_blocks_new_keys_but_not_yet_the_old_one(keyring: PostgresKeyring) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.fence("clinic-a", CLIENT, [NOTES], ERASURE)
    await keyring.fence("clinic-a", CLIENT, [NOTES], ERASURE)
    with pytest.raises(KeyFenced):
        await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r2")
    with pytest.raises(KeyFenced):
        await keyring.new_version("clinic-a", CLIENT, NOTES)
    assert await keyring.record_keys("clinic-a", [want(key)]) == [key]
    assert await keyring.new_record_key("clinic-a", CLIENT, PRIVATE, "r3")


async def test_a_client_without_keys_is_fenced_too(keyring: PostgresKeyring) -> None:
    await keyring.fence("clinic-a", CLIENT, [NOTES], ERASURE)
    with pytest.raises(KeyFenced):
        await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE) == []


async def test_no_late_message_brings_a_key_back(keyring: PostgresKeyring) -> None:
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    with pytest.raises(KeyFenced):
        await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")


async def test_first_use_racing_with_a_fence(keyring: PostgresKeyring) -> None:
    """Whoever comes first, after the shred no live key is left."""
    for round_ in range(20):
        client = f"client-{round_}"
        results = await asyncio.gather(
            *(keyring.new_record_key("clinic-a", client, NOTES, f"r{i}") for i in range(5)),
            keyring.shred("clinic-a", client, [NOTES], ERASURE),
            return_exceptions=True,
        )
        for result in results[:5]:
            assert isinstance(result, RecordKey | KeyFenced)
            if isinstance(result, RecordKey):
                erased = await keyring.record_keys("clinic-a", [want(result, client=client)])
                assert erased == [Erased(result.record_id, result.kid)]


async def test_shredding_again_changes_nothing(keyring: PostgresKeyring) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE) == [key.kid]
    before = await keyring.shredded("clinic-a")
    assert await keyring.shred("clinic-a", CLIENT, [NOTES], uuid4()) == [key.kid]
    assert await keyring.shredded("clinic-a") == before
    assert [(s.kid, s.client_id, s.key_class, s.erasure_id) for s in before] == [(key.kid, CLIENT, NOTES, ERASURE)]
    assert await keyring.shredded("clinic-b") == []


async def test_all_versions_are_shredded(keyring: PostgresKeyring) -> None:
    old = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    newer = await keyring.new_version("clinic-a", CLIENT, NOTES)
    new = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r2")
    assert new.kid == newer != old.kid
    assert await keyring.record_keys("clinic-a", [want(old), want(new)]) == [old, new]
    assert await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE) == [old.kid, new.kid]
    assert await keyring.record_keys("clinic-a", [want(old), want(new)]) == [Erased("r1", old.kid), Erased("r2", new.kid)]


async def test_shredding_evicts_the_cache(keyring: PostgresKeyring, kms: CountedKms) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert len(keyring._cache) == 1
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    assert len(keyring._cache) == 0
    assert await keyring.record_keys("clinic-a", [want(key)]) == [Erased("r1", key.kid)]
    assert kms.calls["unwrap"] == 0


async def test_an_erasure_holds_at_once_in_another_process_that_has_the_key_cached(
    keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms
) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    second = await other_process(urls, kms)
    assert await second.record_keys("clinic-a", [want(key)]) == [key]
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    assert await second.record_keys("clinic-a", [want(key)]) == [Erased("r1", key.kid)]
    await second.close()


async def test_the_row_of_a_shredded_key_stays_and_holds_nothing(keyring: PostgresKeyring, urls: OwnedDatabase) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    row = await connection.fetchrow("SELECT * FROM data_key")
    assert row is not None
    assert (row["kid"], row["state"], row["wrapped"], row["erasure_id"]) == (key.kid, "shredded", None, ERASURE)
    for sql in (
        "UPDATE data_key SET state = 'active', wrapped = 'x', shredded_at = NULL",
        "UPDATE data_key SET erasure_id = NULL",
        "DELETE FROM data_key",
        "TRUNCATE data_key",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(sql)
    await connection.close()


async def test_no_role_sees_another_tenants_rows(keyring: PostgresKeyring, urls: OwnedDatabase) -> None:
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.fence("clinic-a", CLIENT, [PRIVATE], ERASURE)
    for dsn in (urls.app, urls.owner):
        connection = await asyncpg.connect(dsn)
        for tenant in ("clinic-b", ""):
            await connection.execute(f"SET app.tenant_id = '{tenant}'")
            assert await connection.fetchval("SELECT count(*) FROM data_key") == 0
            assert await connection.fetchval("SELECT count(*) FROM fence") == 0
        await connection.close()
    relay = await asyncpg.connect(urls.relay)
    for table in ("data_key", "fence", "keyring_tenant"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await relay.execute(f"TABLE {table}")
    await relay.close()


async def test_a_wrapped_key_moved_to_another_row_does_not_open(
    keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms
) -> None:
    mine = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    theirs = await keyring.new_record_key("clinic-a", OTHER, NOTES, "r1")
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    moved = "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE kid = $1) WHERE kid = $2"
    await connection.execute(moved, theirs.kid, mine.kid)
    await connection.close()
    fresh = await other_process(urls, kms)
    with pytest.raises(CannotUnwrap):
        await fresh.record_keys("clinic-a", [want(mine)])
    await fresh.close()


async def test_rewrapping_reaches_every_tenant_and_makes_an_erasure_final(keyring: PostgresKeyring, kms: CountedKms) -> None:
    gone = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    kept = await keyring.new_record_key("clinic-a", OTHER, NOTES, "r2")
    far = await keyring.new_record_key("clinic-b", CLIENT, NOTES, "r3")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    assert not await keyring.is_final("clinic-a", CLIENT, [NOTES])
    old = (await kms.epochs())[-1]
    await kms.rotate()
    assert await keyring.tenants() == ["clinic-a", "clinic-b"]
    assert [await keyring.rewrap(t) for t in await keyring.tenants()] == [0, 0]
    assert not await keyring.is_final("clinic-a", CLIENT, [NOTES])
    await kms.destroy_epoch(old)
    assert await keyring.is_final("clinic-a", CLIENT, [NOTES])
    keyring._cache.clear()
    assert await keyring.record_keys("clinic-a", [want(kept, client=OTHER)]) == [kept]
    assert await keyring.record_keys("clinic-b", [want(far)]) == [far]
    assert await keyring.record_keys("clinic-a", [want(gone)]) == [Erased("r1", gone.kid)]


async def test_a_key_that_does_not_unwrap_holds_up_no_other_rewrap(
    keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms
) -> None:
    keys = [await keyring.new_record_key("clinic-a", f"client-{n}", NOTES, "r") for n in range(4)]
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    await connection.execute("UPDATE data_key SET wrapped = 'file:v1:broken' WHERE kid = $1", min(k.kid for k in keys))
    newest = await kms.rotate()
    assert await keyring.rewrap("clinic-a") == 1
    epochs = await connection.fetch("SELECT kms_epoch FROM data_key ORDER BY kid")
    assert [r["kms_epoch"] for r in epochs] == [1, newest, newest, newest]
    await connection.close()


async def test_the_keyring_follows_a_rotation_by_itself(
    keyring: PostgresKeyring, kms: CountedKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    await keyring.close()
    monkeypatch.setattr(rewrapping, "REWRAP_EVERY", 0.05)
    await keyring.open()
    await kms.rotate()
    await kms.rotate()
    async with asyncio.timeout(5):
        while not await moved(keyring):
            await asyncio.sleep(0.05)
    await kms.destroy_epoch(2)
    assert await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")


async def moved(keyring: PostgresKeyring) -> bool:
    rows = await keyring._database.of_tenant("clinic-a", "SELECT kms_epoch FROM data_key")
    return [r["kms_epoch"] for r in rows] == [3]


async def test_nothing_is_final_that_has_only_been_erased_logically_after_a_rewrap(
    keyring: PostgresKeyring, kms: CountedKms
) -> None:
    """The newest wrapping counts: a backup holds that one as well."""
    await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    old = (await kms.epochs())[-1]
    await kms.rotate()
    await keyring.rewrap("clinic-a")
    await keyring.shred("clinic-a", CLIENT, [NOTES], ERASURE)
    await kms.destroy_epoch(old)
    assert not await keyring.is_final("clinic-a", CLIENT, [NOTES])


async def test_index_keys_have_versions_and_are_kept_like_data_keys(
    keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms
) -> None:
    fields = (IndexField.NAME, IndexField.IDENTIFIER)
    first = await keyring.index_keys("clinic-a", fields, older=True)
    assert [(k.field, k.current) for k in first] == [(f, True) for f in fields]
    assert len({k.key for k in first}) == 2
    assert await keyring.index_keys("clinic-a", fields, older=False) == first
    assert {k.key for k in await keyring.index_keys("clinic-b", fields, older=True)}.isdisjoint({k.key for k in first})
    second = await keyring.new_index_version("clinic-a")
    third = await keyring.new_index_version("clinic-a")
    both = await keyring.index_keys("clinic-a", fields, older=True)
    assert [(k.kid, k.current) for k in both] == [(third, True)] * 2 + [(second, False)] * 2, "the one in use and the one before"
    assert {k.kid for k in await keyring.index_keys("clinic-a", fields, older=False)} == {third}
    await kms.rotate()
    assert await keyring.rewrap("clinic-a") == 0
    await kms.destroy_epoch((await kms.recoverable())[0])
    later = await other_process(urls, kms)
    assert await later.index_keys("clinic-a", fields, older=True) == both, "a rotation of the KMS takes them along"
    await later.close()


async def test_kms_away_is_said_so_and_passes(keyring: PostgresKeyring, kms: CountedKms) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    keyring._cache.clear()
    await kms.close()
    with pytest.raises(KeyringUnavailable):
        await keyring.record_keys("clinic-a", [want(key)])
    with pytest.raises(KeyringUnavailable):
        await keyring.new_record_key("clinic-a", OTHER, NOTES, "r1")
    assert not await keyring.ready()
    await kms.open()
    assert await keyring.record_keys("clinic-a", [want(key)]) == [key]
    assert await keyring.ready()


async def test_a_closed_keyring_opens_nothing(urls: OwnedDatabase, kms: CountedKms) -> None:
    closed = PostgresKeyring(urls, kms, now=now, random=os.urandom, new_id=uuid4)
    with pytest.raises(KeyringUnavailable):
        await closed.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    assert not await closed.ready()


async def test_opening_twice_keeps_what_is_there(keyring: PostgresKeyring, urls: OwnedDatabase, kms: CountedKms) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    again = await other_process(urls, kms)
    assert await again.record_keys("clinic-a", [want(key)]) == [key]
    await again.close()


async def test_no_key_material_stands_in_the_database(keyring: PostgresKeyring, urls: OwnedDatabase, tmp_path: Path) -> None:
    key = await keyring.new_record_key("clinic-a", CLIENT, NOTES, "r1")
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("SET app.tenant_id = 'clinic-a'")
    row = await connection.fetchrow("SELECT * FROM data_key")
    await connection.close()
    assert row is not None
    assert key.key not in row["wrapped"] and key.key.hex() not in str(row)


async def test_the_cache_forgets_after_a_minute_and_is_bounded() -> None:
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    cache, calls = KeyCache(lambda: clock[0], capacity=3), []

    async def get(kid: str) -> bytes:
        async def unwrap() -> bytes:
            calls.append(kid)
            return kid.encode()

        return await cache.get(("t", kid), unwrap)

    assert [await get("a"), await get("a")] == [b"a", b"a"]
    clock[0] += timedelta(seconds=59)
    await get("a")
    assert calls == ["a"]
    clock[0] += timedelta(seconds=1)
    await get("a")
    clock[0] -= timedelta(hours=1)  # a clock set back does not prolong it
    await get("a")
    assert calls == ["a", "a", "a"]
    for kid in "bcdef":
        await get(kid)
    assert len(cache) == 3


async def test_what_is_evicted_while_it_is_unwrapped_is_not_kept() -> None:
    cache, go = KeyCache(now), asyncio.Event()

    async def unwrap() -> bytes:
        await go.wait()
        return b"key"

    waiting = asyncio.create_task(cache.get(("t", "k"), unwrap))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    cache.evict(("t", "k"))
    go.set()
    assert await waiting == b"key"
    assert len(cache) == 0


async def test_one_caller_who_leaves_does_not_fail_the_others() -> None:
    cache, go, calls = KeyCache(now), asyncio.Event(), []

    async def unwrap() -> bytes:
        calls.append(1)
        await go.wait()
        return b"key"

    first, second = (asyncio.create_task(cache.get(("t", "k"), unwrap)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await second == b"key"
    assert calls == [1]


async def test_an_error_of_the_kms_is_not_kept() -> None:
    cache = KeyCache(now)
    answers: list[Exception | bytes] = [KeyringUnavailable("away"), b"key"]

    async def unwrap() -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(KeyringUnavailable):
        await cache.get(("t", "k"), unwrap)
    assert await cache.get(("t", "k"), unwrap) == b"key"


async def test_it_says_when_the_kms_is_another_one(urls: OwnedDatabase, kms: CountedKms, tmp_path: Path) -> None:
    """A KMS that lost its key and was set up anew answers everything, and opens nothing."""
    made = PostgresKeyring(urls, kms, now=now, random=os.urandom, new_id=uuid4)
    await made.open()
    assert await made.fit.holds(), "an empty keyring fits every KMS"
    await made.new_record_key("clinic", "client", KeyClass.IDENTITY, "record")
    await made.close()
    for path, fits in ((tmp_path / "kms.json", True), (tmp_path / "another.json", False)):
        later = PostgresKeyring(urls, CountedKms(path), now=now, random=os.urandom, new_id=uuid4)
        await later.open()
        assert await later.ready() and await later.fit.holds() is fits
        await later.close()

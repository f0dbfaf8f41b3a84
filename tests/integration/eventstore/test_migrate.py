"""The job that brings a schema to a release, and the check at a service's start."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.migrate import SCHEMAS
from infra.postgres.provision import OwnedDatabase
from services.audit_log.keyring.adapters.migrations import KEYRING_SCHEMA
from shared.contracts.records import KeyClass
from shared.eventstore.migrate import MigrationFailed, Schema, SchemaMismatch, Step, apply, check, taken_over
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.schema import enumerated, tenant_table
from shared.service.clock import now
from tests.support.postgres import Postgres, as_owner, quiet
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
FIRST = Schema(
    "consent",
    (
        "CREATE TABLE IF NOT EXISTS visit (tenant_id text NOT NULL, n int NOT NULL, kind text NOT NULL)",
        enumerated("visit", "kind", ["phone", "room"]),
        *tenant_table("visit"),
    ),
    (taken_over(),),
)
ADD_PLACE = Step("visits have a place", ("ALTER TABLE visit ADD COLUMN place text",))
SECOND = replace(FIRST, steps=(*FIRST.steps, ADD_PLACE))
TAKE_TURN, LEAVE_TURN = "SELECT pg_advisory_lock(4011, 1)", "SELECT pg_advisory_unlock(4011, 1)"


@pytest.fixture
async def urls(postgres: Postgres) -> OwnedDatabase:
    return (await postgres.make_empty("consent"))["consent"]


@pytest.fixture
async def owner(urls: OwnedDatabase) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


async def checked(urls: OwnedDatabase, schema: Schema) -> list[str]:
    app = await asyncpg.connect(urls.app)
    try:
        return await check(app, schema)
    finally:
        await app.close()


async def test_steps_run_once_in_their_order_and_are_recorded(urls: OwnedDatabase, owner: Any) -> None:
    await apply(urls.owner, FIRST, say=quiet)
    await owner.execute("SET app.tenant_id = 'haven'; INSERT INTO visit VALUES ('haven', 1, 'room')")
    third = replace(SECOND, steps=(*SECOND.steps, Step("a place is known", ("UPDATE visit SET place = 'here'",))))
    said: list[str] = []
    await apply(urls.owner, third, say=said.append)
    await apply(urls.owner, third, say=said.append)
    assert [line for line in said if "…" in line] == [
        "consent: step 2 of 3, visits have a place …",
        "consent: step 3 of 3, a place is known …",
    ]
    recorded = await owner.fetch("SELECT number, title, digest FROM schema_step ORDER BY number")
    assert [tuple(r) for r in recorded] == [(n, s.title, s.digest) for n, s in enumerate(third.steps, 1)]
    assert await checked(urls, third) == []


async def test_a_new_database_has_every_step_behind_it(urls: OwnedDatabase, owner: Any) -> None:
    unrunnable = replace(FIRST, steps=(*FIRST.steps, Step("not for a new one", ("SELECT 1/0",))))
    await apply(urls.owner, unrunnable, say=quiet)
    assert await checked(urls, unrunnable) == []


@pytest.mark.parametrize(
    ("stands", "wanted", "said"),
    [
        (None, FIRST, r"behind this release: it has not been migrated yet\. Run `python -m infra\.migrate`"),
        (FIRST, SECOND, r"behind this release: it is at step 1, this release needs step 2\. Run `python"),
        (FIRST, replace(FIRST, declared=(*FIRST.declared, "SELECT 1")), r"behind .* declared schema is that of another .* Run `"),
        (SECOND, FIRST, r"ahead of this release: it is at step 2, this release knows 1\. Start the newer"),
        (SECOND, replace(SECOND, steps=(*FIRST.steps, Step("another", ()))), r"ahead .* its step 2 is not the step 2 of"),
    ],
    ids=["none", "behind", "behind in what is declared", "ahead", "another step"],
)
async def test_a_service_does_not_start_on_another_schema(
    urls: OwnedDatabase, stands: Schema | None, wanted: Schema, said: str
) -> None:
    if stands is not None:
        await apply(urls.owner, stands, say=quiet)
    store = PostgresEventStore(urls, schema=wanted, now=now)
    try:
        with pytest.raises(SchemaMismatch, match=said) as refused:
            await store.open()
    finally:
        await store.close()
    assert "\n" not in str(refused.value)


async def test_a_schema_declared_by_a_later_release_is_ahead(urls: OwnedDatabase) -> None:
    later = replace(FIRST, declared=(*FIRST.declared, "SELECT 1"))
    for schema in (FIRST, later):
        await apply(urls.owner, schema, say=quiet)
    with pytest.raises(SchemaMismatch, match="ahead of this release: a later release has declared"):
        await checked(urls, FIRST)


async def test_the_job_does_not_set_a_newer_schema_back(urls: OwnedDatabase) -> None:
    await apply(urls.owner, SECOND, say=quiet)
    with pytest.raises(SchemaMismatch, match="ahead of this release"):
        await apply(urls.owner, FIRST, say=quiet)


async def test_a_failed_step_leaves_nothing_and_the_next_run_goes_on(urls: OwnedDatabase, owner: Any) -> None:
    await apply(urls.owner, FIRST, say=quiet)
    await owner.execute("SET app.tenant_id = 'haven'; INSERT INTO visit VALUES ('haven', 1, 'room')")
    strict = Step("a place is a must", ("ALTER TABLE visit ADD COLUMN floor int", "ALTER TABLE visit ALTER place SET NOT NULL"))
    with pytest.raises(
        MigrationFailed, match=r"consent: step 3 \(a place is a must\) was not done: NotNullViolationError"
    ) as said:
        await apply(urls.owner, replace(SECOND, steps=(*SECOND.steps, strict)), say=quiet)
    assert "haven" not in str(said.value)
    assert [r["number"] for r in await owner.fetch("SELECT number FROM schema_step")] == [1, 2]
    assert "floor" not in [r[0] for r in await owner.fetch("SELECT column_name FROM information_schema.columns")]
    mended = replace(SECOND, steps=(*SECOND.steps, Step("a place is known", ("UPDATE visit SET place = ''",))))
    await apply(urls.owner, mended, say=quiet)
    assert await checked(urls, mended) == []


async def test_one_at_a_time_and_the_other_says_that_it_waits(urls: OwnedDatabase, owner: Any) -> None:
    said: list[str] = []
    await owner.execute(TAKE_TURN)
    waiting = asyncio.create_task(apply(urls.owner, FIRST, say=said.append))

    async def told() -> bool:
        return bool(said)

    await until(told, 10)
    assert said == ["consent: waits for another run of `python -m infra.migrate` …"] and not waiting.done()
    await owner.execute(LEAVE_TURN)
    await waiting
    assert said[-1] == "consent: made, at step 1"


async def test_a_turn_that_does_not_come_ends_the_run(urls: OwnedDatabase, owner: Any) -> None:
    await owner.execute(TAKE_TURN)
    with pytest.raises(MigrationFailed, match=r"another run of .* has been at work"):
        await apply(urls.owner, FIRST, say=quiet, turn=0.3)
    await owner.execute(LEAVE_TURN)


async def test_a_table_in_use_is_not_waited_for_without_end(urls: OwnedDatabase, owner: Any) -> None:
    await apply(urls.owner, FIRST, say=quiet)
    async with owner.transaction():
        await owner.execute("LOCK TABLE visit IN ACCESS SHARE MODE")
        with pytest.raises(
            MigrationFailed, match=r"step 2 \(visits have a place\) waited .* for a table in use, and was not done"
        ):
            await apply(urls.owner, SECOND, say=quiet, lock_seconds=0.2)
    await apply(urls.owner, SECOND, say=quiet)
    assert await checked(urls, SECOND) == []


async def test_an_index_whose_build_broke_off_is_found_and_said(
    urls: OwnedDatabase, owner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await apply(urls.owner, FIRST, say=quiet)
    await owner.execute("SET app.tenant_id = 'haven'; INSERT INTO visit SELECT 'haven', 1, 'room' FROM generate_series(1, 2)")
    once = Step("a visit once", ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS visit_once ON visit (n)",), concurrently=True)
    unique = replace(FIRST, steps=(*FIRST.steps, once))
    with pytest.raises(MigrationFailed, match="UniqueViolation"):
        await apply(urls.owner, unique, say=quiet)
    with pytest.raises(MigrationFailed, match=r"index visit_once of table visit is invalid.*DROP INDEX visit_once"):
        await apply(urls.owner, unique, say=quiet)
    store = PostgresEventStore(urls, schema=FIRST, now=now)
    await store.open()
    await store.close()
    assert "index visit_once of table visit is invalid" in caplog.text
    await owner.execute("DROP INDEX visit_once; DELETE FROM visit")
    await apply(urls.owner, unique, say=quiet)
    assert await checked(urls, unique) == []


async def test_a_check_follows_its_enumeration(urls: OwnedDatabase, owner: Any) -> None:
    await apply(urls.owner, FIRST, say=quiet)
    video = "INSERT INTO visit VALUES ('haven', 1, 'video')"
    await owner.execute("SET app.tenant_id = 'haven'")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(video)
    grown = replace(FIRST, declared=(*FIRST.declared, enumerated("visit", "kind", ["phone", "room", "video"])))
    await apply(urls.owner, grown, say=quiet)
    await owner.execute(video)
    with pytest.raises(MigrationFailed, match=r"declared schema was not done: CheckViolation.*visit_kind_check") as said:
        await apply(urls.owner, replace(FIRST, declared=(*FIRST.declared, "SELECT 2")), say=quiet)
    assert "video" not in str(said.value)


async def test_a_new_key_class_is_taken_by_an_older_keyring(postgres: Postgres) -> None:
    urls = (await postgres.make_databases("keyring"))["keyring"]
    insert = (
        "SET app.tenant_id = 'haven'; "
        "INSERT INTO data_key (tenant_id, kid, client_id, key_class, version, state, wrapped, kms_epoch, created_at) "
        "VALUES ('haven', 'k', 'c', 'group_note', 1, 'active', 'w', 1, now())"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await as_owner(urls, insert)
    classes = ", ".join(f"'{c}'" for c in sorted(KeyClass))
    more = ", ".join(f"'{c}'" for c in sorted([*KeyClass, "group_note"]))
    release = replace(KEYRING_SCHEMA, declared=tuple(s.replace(classes, more) for s in KEYRING_SCHEMA.declared))
    assert release != KEYRING_SCHEMA
    await apply(urls.owner, release, say=quiet)
    await as_owner(urls, insert)


@pytest.mark.parametrize("database", SCHEMAS)
def test_no_enumeration_is_written_into_a_table(database: str) -> None:
    """`CREATE TABLE IF NOT EXISTS` writes a check once: an older database would keep the older list for ever."""
    for statement in (*SCHEMAS[database].declared, *(s for step in SCHEMAS[database].steps for s in step.statements)):
        if re.match(r"\s*CREATE TABLE", statement):
            assert not re.search(r"CHECK\s*\(\s*\w+\s+(NOT\s+)?IN\s*\(|= ANY", statement), f"say it by `enumerated`:\n{statement}"


def test_values_of_an_enumeration_are_plain_words() -> None:
    with pytest.raises(ValueError, match="lower_snake_case"):
        enumerated("visit", "kind", ["it's"])


async def test_the_recipe_for_a_column_works(urls: OwnedDatabase, postgres: Postgres) -> None:
    """The Python of docs/operations/migrations.md, as it stands there."""
    page = (ROOT / "docs/operations/migrations.md").read_text()
    (recipe,) = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict[str, Any] = {"Step": Step, "STEPS": FIRST.steps}
    exec(recipe, names)  # noqa: S102
    before = Schema("consent", (names["VISIT"].replace(",\n  place text", ""), *tenant_table("visit")), FIRST.steps)
    assert before.declared[0] != names["VISIT"]
    after = Schema("consent", (names["VISIT"], *tenant_table("visit")), names["STEPS"])
    fresh = (await postgres.make_empty("consent"))["consent"]
    await apply(urls.owner, before, say=quiet)
    columns = (
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_name = 'visit' ORDER BY ordinal_position"
    )
    found = []
    for one in (urls, fresh):
        await apply(one.owner, after, say=quiet)
        connection = await asyncpg.connect(one.owner)
        found.append([tuple(row) for row in await connection.fetch(columns)])
        await connection.close()
    assert found[0] == found[1] and ("place", "text", "YES") in found[0]

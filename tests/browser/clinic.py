"""A clinic on one origin, in this process: every service, the demo clinic, and a few weeks of fictional work in its ledger."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from infra.demo.caller import TENANT
from infra.embedded.demo import Demo, demo_clinic
from infra.embedded.runtime import Embedded, EmbeddedSettings
from services.audit_log.bootstrap import AuditLogService
from services.audit_log.decision.domain.registry import BoundRecord
from services.audit_log.gate.adapters.record_registry import RecordRegistry
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.records import RecordType, ServiceName
from shared.service.clock import now
from tests.support.http import serving
from tests.support.postgres import Postgres

STAFF = (
    ("lena.marsh", "Dr. Lena Marsh", "therapist"),
    ("ada.rivera", "Dr. Ada Rivera", "therapist"),
    ("chidi.okafor", "Chidi Okafor", "therapist"),
    ("jun.park", "Jun Park", "trainee"),
    ("sigrid.lind", "Dr. Sigrid Lind", "supervisor"),
    ("front.desk", "Front desk", "intake"),
    ("night.shift", "Dr. Tomas Weil", "therapist"),
)
_PURPOSE = {"therapist": "TREAT", "trainee": "TRAIN", "supervisor": "TRAIN", "intake": "HOPERAT"}
WEEKS = 6


@dataclass
class Clinic:
    url: str
    running: Embedded
    demo: Demo
    session: aiohttp.ClientSession

    @property
    def audit(self) -> AuditLogService:
        found = self.running.services[0]
        assert isinstance(found, AuditLogService)
        return found

    def token(self, sub: str, role: str, name: str = "", tenant: str = TENANT, **claims: Any) -> str:
        return self.running.issuer.token({"sub": sub, "name": name or sub, "role": role, "tenant": tenant, **claims})

    def officer(self, tenant: str = TENANT) -> str:
        return self.token("officer", "compliance_officer", "R. Ilves", tenant)

    async def call(self, method: str, path: str, token: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {token}", **headers}
        async with self.session.request(method, self.url + path, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def opened(postgres: Postgres, folder: Path) -> AsyncIterator[Clinic]:
    prefix = f"t{secrets.token_hex(4)}_"
    settings = EmbeddedSettings(folder, "http://127.0.0.1", admin_dsn=postgres.admin_dsn, database_prefix=prefix)
    async with Embedded(settings) as running, aiohttp.ClientSession() as session:
        for name in ("consent", "session_notes", "alliance_measurement", "audit_log", "keyring"):
            postgres.to_drop(prefix + name)
        assert running.app is not None
        async with serving(running.app) as url:
            clinic = Clinic(url, running, await demo_clinic(session, url, folder / "demo.json"), session)
            await _worked(clinic)
            yield clinic


async def _worked(clinic: Clinic) -> None:
    """Weeks of reads, a break-glass, refusals that repeat, an alarm of completeness."""
    ledger = clinic.audit._ledger
    entries, records = _weeks(clinic.demo.client_id)
    statements = RecordRegistry(clinic.audit._store).statements(TENANT, records)
    await clinic.audit._store.append(TENANT, [], statements=statements)
    await ledger.append(TENANT, entries)
    head = {"name": "Riverside Psychotherapy", "address": "12 Hill Road, Riverside CA 92501", "zone": "America/Los_Angeles"}
    status, _ = await clinic.call("PUT", "/v1/practice/letterhead", clinic.token("adm-1", "administrator"), head)
    assert status == 200
    night = clinic.token("night.shift", "therapist", "Dr. Tomas Weil")
    grant = {"client_id": clinic.demo.client_id, "purpose": "BTG", "scope": [], "minutes": 30}
    reason = "Found unresponsive; the ward asks for medication and the safety plan."
    status, _ = await clinic.call("POST", "/v1/break-glass", night, grant | {"reason": reason})
    assert status == 201
    await clinic.call("GET", f"/v1/notes/{clinic.demo.note_id}", night, **{"X-Purpose-Of-Use": "BTG"})
    stranger = clinic.token("chidi.okafor", "therapist", "Chidi Okafor")
    for _ in range(4):
        status, _ = await clinic.call("GET", f"/v1/notes/{clinic.demo.note_id}", stranger)
        assert status in (403, 404)
    alarm = entry_of(now(), "unverified", "", "service", str(UUID(int=7)), "receipt", outcome="done")
    await ledger.append(TENANT, [alarm])


def entry_of(
    at: datetime, sub: str, name: str, role: str, client: str, action: str, *, outcome: str = "permit", record: str = "r"
) -> Entry:
    alarm = action == "receipt"
    return Entry(
        kind=EntryKind.ALARM if alarm else EntryKind.DISCLOSURE,
        at=at,
        action=action,
        outcome=outcome,
        reason="receipt-without-entry" if alarm else ("consent" if outcome == "permit" else "no-consent"),
        agent="service:alliance_measurement" if alarm else sub,
        agent_name=name,
        agent_role=role,
        service="alliance_measurement" if alarm else "session_notes",
        request_id="demo",
        client_id=client,
        purpose=None if alarm else _PURPOSE.get(role, "TREAT"),
        purpose_defaulted=True,
        records=() if alarm else (EntryRecord(record, *_kind(role), outcome, "consent"),),
        basis=() if alarm else ("rule:consent.deny-by-default",),
    )


def _kind(role: str) -> tuple[str, str]:
    return ("client", "identity") if role == "intake" else ("session", "progress_note")


def _weeks(client: str) -> tuple[list[Entry], list[BoundRecord]]:
    """A steady practice: each sees their own clients every week and reads before and after; the desk keeps the files. Two weeks
    ago somebody looked at clients of others."""
    first = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(weeks=WEEKS)
    entries: list[Entry] = []
    records: list[BoundRecord] = []
    for day in range(WEEKS * 7):
        at = first + timedelta(days=day)
        if at.weekday() > 4:
            continue
        for place, (sub, name, role) in enumerate(STAFF[:5]):
            for slot, hour in enumerate((9, 10, 11, 14, 15, 16)):
                if (day * 7 + place * 5 + slot) % 6 == 0 or (at.weekday() == 4 and hour > 14):
                    continue
                whose = client if (place, slot, at.weekday()) == (0, 0, 1) else _fictional(place, slot, at.weekday())
                record = str(UUID(int=5_000_000 + len(records)))
                moment = at + timedelta(hours=hour, minutes=(place * 11 + slot * 7) % 50)
                records.append(_session(record, whose, sub, moment))
                outcome = "deny" if sha256(f"{day} {place} {slot}".encode()).digest()[0] < 7 else "permit"
                entries.append(entry_of(moment, sub, name, role, whose, "create", record=record))
                entries += [
                    entry_of(moment + timedelta(minutes=m), sub, name, role, whose, "read", record=record, outcome=outcome)
                    for m in (-9, 41, 70)[: 1 + (slot + day) % 3]
                ]
                if slot % 2:
                    early = at + timedelta(hours=8, minutes=place * 9 + slot)
                    entries.append(entry_of(early, "front.desk", "Front desk", "intake", whose, "read", record=record))
    for n in range(9):
        moment = first + timedelta(weeks=WEEKS - 2, days=n % 2, hours=21, minutes=n * 3)
        whose = _fictional(0, n % 4, 2)
        entries.append(entry_of(moment, "chidi.okafor", "Chidi Okafor", "therapist", whose, "read", record=str(UUID(int=n + 1))))
    return sorted(entries, key=lambda e: e.at), records


def _fictional(place: int, slot: int, weekday: int) -> str:
    return str(UUID(bytes=sha256(f"client {place} {slot} {weekday}".encode()).digest()[:16], version=4))


def _session(record: str, client: str, author: str, at: datetime) -> BoundRecord:
    return BoundRecord(
        record_id=record,
        client_id=client,
        record_type=RecordType.SESSION,
        author=author,
        labels=frozenset(),
        service=ServiceName.SESSION_NOTES,
        kid="demo",
        created_at=at,
    )

"""A clinic on one origin, in this process: every service, the demo clinic, and a few weeks of fictional work in its ledger."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from infra.embedded.demo import TENANT, Demo, demo_clinic
from infra.embedded.runtime import Embedded, EmbeddedSettings
from services.audit_log.bootstrap import AuditLogService
from services.audit_log.domain.entry import Entry, EntryKind, EntryRecord
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
    await ledger.append(TENANT, list(_weeks(clinic.demo.client_id)))
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
        records=() if alarm else (EntryRecord(record, "progress_note", "progress_note", outcome, "consent"),),
        basis=() if alarm else ("rule:consent.deny-by-default",),
    )


def _weeks(client: str) -> Iterator[Entry]:
    """A steady practice: days full on weekdays, the desk early, little at night."""
    first = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(weeks=WEEKS)
    number = 0
    for day in range(WEEKS * 7):
        at = first + timedelta(days=day)
        if at.weekday() > 4:
            continue
        for place, (sub, name, role) in enumerate(STAFF[:6]):
            for hour in range(8 + place % 2, 18):
                number += 1
                if (number * 7 + place * 3 + hour) % 5 < 2 or (hour == 12 and place):
                    continue
                moment = at + timedelta(hours=hour, minutes=(number * 13) % 60)
                whose = client if (sub == "lena.marsh" and hour in (9, 10)) else str(UUID(int=1000 + (number * 31) % 40))
                outcome = "deny" if number % 29 == 0 else "permit"
                action = "create" if hour % 4 == 1 and role != "intake" else "read"
                yield entry_of(moment, sub, name, role, whose, action, outcome=outcome, record=str(UUID(int=number)))

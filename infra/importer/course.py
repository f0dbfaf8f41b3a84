"""What one client of the table becomes: client, relationship, two signed consents, sessions, outcomes; and the check of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from infra.importer.rest import Api
from infra.importer.table import Row, Table

THERAPIST: Final = "import.therapist"
CONSENTS: Final = ("treatment", "measurement")
FIXED_STEPS: Final = 2 + 2 * len(CONSENTS)
"""requests a client beyond its sessions and scores: client, relationship, consents and their signatures"""


@dataclass(frozen=True, slots=True)
class Tokens:
    intake: str
    therapist: str
    officer: str


@dataclass(frozen=True, slots=True)
class Imported:
    client: str
    client_id: str
    sessions: dict[int, str]
    """session number → id"""


class Importer:
    """`step()` is called after each request that counts. `start` is the day of session 1: the table has no dates."""

    def __init__(self, api: Api, tokens: Tokens, table: Table, *, start: date, step: Callable[[], None]) -> None:
        self._api, self._tokens, self._table, self._start, self._step = api, tokens, table, start, step

    async def course(self, client: str) -> Imported:
        """Everything of one client. Run again, it finds what is there and adds what is missing."""
        client_id = await self._client(client)
        await self._consents(client, client_id)
        sessions: dict[int, str] = {}
        for row in (r for r in self._table.rows if r.client == client):
            sessions[row.session] = await self._session(client, client_id, row)
        return Imported(client, client_id, sessions)

    async def _post(self, token: str, path: str, body: Any, key: str) -> Any:
        answer = await self._api.post(token, path, body, f"import-{self._table.digest}-{key}")
        self._step()
        return answer

    async def _client(self, client: str) -> str:
        identifier = {"system": f"urn:import:{self._table.digest}", "value": client}
        body = {"name": f"Client {client}", "birth_date": None, "identifiers": [identifier]}
        made = await self._post(self._tokens.intake, "/v1/clients", body, f"client-{client}")
        return str(made["id"])

    async def _consents(self, client: str, client_id: str) -> None:
        start = self._start.isoformat()
        relationship = {
            "client_id": client_id,
            "practitioner_id": THERAPIST,
            "role": "therapist",
            "period": {"start": start},
        }
        await self._post(self._tokens.intake, "/v1/relationships", relationship, f"relationship-{client}")
        for kind in CONSENTS:
            form = _consent(client_id, client, kind, start)
            made = await self._post(self._tokens.intake, "/v1/consents", form, f"{kind}-{client}")
            witnessed = {"witness": "Data import", "evidence": "Signed form on file at the source of the imported table."}
            path = f"/v1/consents/{made['id']}/signatures"
            await self._post(self._tokens.intake, path, witnessed, f"{kind}-signature-{client}")

    async def _session(self, client: str, client_id: str, row: Row) -> str:
        token, number = self._tokens.therapist, row.session
        begin = datetime(self._start.year, self._start.month, self._start.day, 9, tzinfo=UTC) + timedelta(weeks=number - 1)
        body = {
            "client_id": client_id,
            "therapist_id": THERAPIST,
            "started_at": begin.isoformat(),
            "ended_at": (begin + timedelta(minutes=50)).isoformat(),
            "modality": "cbt",
            "format": "individual",
            "attendance": "attended",
        }
        session_id = str((await self._post(token, "/v1/sessions", body, f"session-{client}-{number}"))["id"])
        for measure, score in row.scores:
            outcome = {"measure": measure, "session_id": session_id, "date": begin.date().isoformat(), "score": score}
            key = f"outcome-{client}-{number}-{measure}"
            await self._post(token, f"/v1/clients/{client_id}/outcomes", outcome, key)
        return session_id


def _consent(client_id: str, client: str, kind: str, start: str) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "kind": kind,
        "grantor": {"role": "client", "name": f"Client {client}"},
        "policy": {"base": "permit", "provisions": []},
        "period": {"start": start},
        "elements": {
            "explained_by": "As recorded at the source of the imported table",
            "explained_on": start,
            "nature": "Psychotherapy with a short questionnaire at each session.",
            "risks": "As explained by the treating practitioner.",
            "alternatives": "As explained by the treating practitioner.",
            "limits_of_confidentiality": "As the law of the place provides.",
        },
    }


async def check(api: Api, tokens: Tokens, table: Table, done: list[Imported], step: Callable[[], None]) -> list[str]:
    """Reads everything back through the gate and compares with the file. Empty where all is equal."""
    faults: list[str] = []
    lanes = asyncio.Semaphore(4)

    async def one(course: Imported) -> None:
        async with lanes:
            wanted = {
                (course.sessions[r.session], measure): score
                for r in table.rows
                if r.client == course.client
                for measure, score in r.scores
            }
            items = await api.pages(tokens.therapist, f"/v1/clients/{course.client_id}/outcomes")
            found = {(i["session_id"], i["measure"]): i["score"] for i in items}
            if len(items) != len(found):
                faults.append(f"client {course.client}: {len(items) - len(found)} outcomes stand there twice")
            if found != wanted:
                different = sum(1 for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
                faults.append(f"client {course.client}: {different} outcomes differ from the file")
            sessions = await api.pages(tokens.therapist, f"/v1/sessions?client_id={course.client_id}")
            if {s["id"] for s in sessions} != set(course.sessions.values()):
                faults.append(f"client {course.client}: {len(sessions)} sessions, the file has {len(course.sessions)}")
            step()

    await asyncio.gather(*(one(c) for c in done))
    return faults

"""A clinic at work while services die: what was acknowledged is remembered, whatever was not is sent again under its key.

Fictional throughout.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter
from typing import Any

import aiohttp

from infra.routes import service_for
from shared.contracts.records import ServiceName
from tests.e2e.rest import Answer, Person, Rest

PATIENCE = 60.0
"""seconds until a request that is sent again and again fails the test"""
PAUSE = 0.15
_WRITTEN = frozenset({ServiceName.CONSENT, ServiceName.SESSION_NOTES, ServiceName.ALLIANCE})
_EXPLAINED = {"explained_by": "Dr. Ada Rivera", "explained_on": "2026-01-12"}
_INFORMED = {
    **_EXPLAINED,
    "nature": "Weekly individual psychotherapy.",
    "risks": "Strong feelings may come up.",
    "alternatives": "Group therapy, or waiting.",
    "limits_of_confidentiality": "Serious and imminent danger; a court order.",
}


@dataclass
class Client:
    """What was acknowledged of one client: id → what reading it back must show."""

    id: str
    person: Person
    sessions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    ratings: dict[str, int] = field(default_factory=dict)
    consents: list[str] = field(default_factory=list)


class Clinic:
    """`retries` counts the requests that had to be sent again, by why."""

    def __init__(self, rest: Rest, random: Random) -> None:
        self.rest, self._random = rest, random
        self.intake, self.therapist = rest.as_("front.desk", "intake"), rest.as_("ada.rivera", "therapist")
        self.officer = rest.as_("officer", "compliance_officer")
        self.clients: list[Client] = []
        self.retries: Counter[str] = Counter()
        self._keys = 0
        self._begun: dict[str, asyncio.Event] = {}

    async def begins(self, service: ServiceName) -> None:
        """Until the next write sets out for that service; for one that takes no writes, for any."""
        event = asyncio.Event()
        self._begun[str(service) if service in _WRITTEN else ""] = event
        await event.wait()

    async def write(self, who: Person, path: str, body: Any) -> Answer:
        """POST until it is acknowledged. Any refusal that is no sign of trouble fails the test."""
        self._keys += 1
        key, end = f"write-{self._keys}", perf_counter() + PATIENCE
        while True:
            for begun in (self._begun.pop(service_for(path), None), self._begun.pop("", None)):
                if begun is not None:
                    begun.set()
            try:
                answer = await who.call("POST", path, body, Idempotency_Key=key)
            except (aiohttp.ClientError, TimeoutError) as error:
                trouble = type(error).__name__
            else:
                if answer.status in (200, 201):
                    return answer
                trouble = str(answer.status)
                assert answer.status >= 500, f"POST {path} ({key}): {answer.status} {answer.text[:500]}; so far {self.retries}"
            self.retries[trouble] += 1
            assert perf_counter() < end, f"POST {path}: not acknowledged within {PATIENCE} s, {self.retries}"
            await asyncio.sleep(0.1)

    async def admit(self, count: int) -> None:
        for number in range(count):
            made = await self.write(self.intake, "/v1/clients", {"name": f"Client {number}", "birth_date": "1990-01-02"})
            person = self.rest.as_(f"client-{number}", "client", client_id=made.id)
            client = Client(made.id, person)
            related = {"client_id": made.id, "practitioner_id": self.therapist.sub, "role": "therapist", "period": _from_today()}
            await self.write(self.intake, "/v1/relationships", related)
            for kind in ("treatment", "measurement"):
                await self.agree(client, kind, _INFORMED)
            self.clients.append(client)

    async def agree(self, client: Client, kind: str, elements: dict[str, str]) -> None:
        form = {
            "client_id": client.id,
            "kind": kind,
            "grantor": {"role": "client", "name": "Client"},
            "policy": {"base": "permit", "provisions": []},
            "period": _from_today(),
            "elements": elements,
        }
        proposed = await self.write(self.intake, "/v1/consents", form)
        signed = await self.write(client.person, f"/v1/consents/{proposed.id}/signatures", {})
        assert signed.json["status"] == "active", signed.text
        client.consents.append(proposed.id)

    async def see(self, client: Client) -> None:
        start = datetime(2026, 2, 2, 9, tzinfo=UTC) + timedelta(days=len(client.sessions))
        body = {
            "client_id": client.id,
            "therapist_id": self.therapist.sub,
            "started_at": start.isoformat(),
            "ended_at": (start + timedelta(minutes=50)).isoformat(),
            "modality": "psychodynamic",
            "format": "individual",
            "attendance": "attended",
        }
        made = await self.write(self.therapist, "/v1/sessions", body)
        client.sessions[made.id] = body["started_at"]
        text = f"What was said {self._random.getrandbits(64):x}."
        sections = {"subjective": text, "objective": "Calm.", "assessment": "Going on.", "plan": "Weekly."}
        note = await self.write(
            self.therapist, f"/v1/sessions/{made.id}/progress-notes", {"format": "SOAP", "sections": sections}
        )
        client.notes[note.id] = text

    async def rate(self, client: Client) -> None:
        asked = {"client_id": client.id, "instrument": "wai-sr", "rater": "client"}
        made = await self.write(self.therapist, "/v1/administrations", asked)
        total = self._random.randint(12, 60)
        base, extra = divmod(total, 12)
        answers = {str(i): base + (i <= extra) for i in range(1, 13)}
        scored = await self.write(client.person, f"/v1/administrations/{made.id}/responses", {"answers": answers})
        assert scored.json["scores"]["total"] == total
        client.ratings[made.id] = total

    async def work(self, over: asyncio.Event) -> None:
        """Three lanes a client, side by side, until it is over; what was begun is finished."""

        async def lane(act: Callable[[Client], Awaitable[None]], client: Client) -> None:
            while not over.is_set():
                await act(client)
                await asyncio.sleep(PAUSE)

        async def telehealth(client: Client) -> None:
            await self.agree(client, "telehealth", _EXPLAINED)

        async with asyncio.TaskGroup() as group:
            for client in self.clients:
                for act in (self.see, self.rate, telehealth):
                    group.create_task(lane(act, client))


def _from_today() -> dict[str, str]:
    return {"start": datetime.now(UTC).date().isoformat()}

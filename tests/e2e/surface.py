"""A clinic with consent given, and the shortest bodies that the surface takes: what an outside caller would send first."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.e2e.rest import Answer, Person
from tests.e2e.story import TREATMENT, Story

AUTHORIZATION = {
    "description": "Progress notes and measures of this year, and identity.",
    "discloser": "The clinic.",
    "recipient": "Whom the policy names.",
    "purpose": "Continuity of care.",
    "expiry": "When treatment ends.",
    "right_to_revoke": "At any time, in writing or by one's own login.",
    "conditioning": "Treatment does not depend on this.",
    "redisclosure": "May be disclosed again by who receives it.",
}
FORMED = {"treatment", "measurement"}
AUTHORIZED = {"psychotherapy_notes", "disclosure", "part2_tpo", "part2_counselling_notes"}
KINDS = [*sorted(FORMED), *sorted(AUTHORIZED), "telehealth", "recording", "supervision", "research"]
SOAP = {"subjective": "s", "objective": "o", "assessment": "a", "plan": "p"}


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def required(kind: str) -> dict[str, str]:
    return TREATMENT if kind in FORMED else AUTHORIZATION if kind in AUTHORIZED else {}


def problem(answer: Answer, status: int) -> Any:
    """The problem document of an answer (RFC 9457)."""
    assert answer.status == status, answer.text[:500]
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    body = answer.json
    assert body["status"] == status
    assert body["title"]
    return body


def pointers(answer: Answer) -> set[str]:
    return {e["pointer"] for e in problem(answer, 422)["errors"]}


class Clinic(Story):
    """Story's people, with the shortest bodies."""

    @property
    def client_id(self) -> str:
        return self.told.client_id

    async def admit(self) -> "Clinic":
        """A client with a therapist, and no consent."""
        made = await self.intake.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "1991-04-03"})
        self.told.client_id = made.id
        self.noor = self.rest.as_(f"noor-{made.id[:8]}", "client", client_id=made.id)
        await self.relate(self.marsh)
        return self

    async def open(self) -> "Clinic":
        """With consent to treatment and to being measured."""
        await self.admit()
        for kind in ("treatment", "measurement"):
            await self.agreed(kind)
        return self

    async def relate(self, who: Person, role: str = "therapist", **period: str) -> Answer:
        body = {"client_id": self.client_id, "practitioner_id": who.sub, "role": role, "period": {"start": today(), **period}}
        return await self.intake.post("/v1/relationships", body)

    def form(self, kind: str = "treatment", *provisions: Any, base: str = "permit", **changes: Any) -> dict[str, Any]:
        form = {
            "client_id": self.client_id,
            "kind": kind,
            "grantor": {"role": "client", "name": "Noor Haddad"},
            "policy": {"base": base, "provisions": list(provisions)},
            "period": {"start": today()},
            "elements": required(kind),
        }
        return {**form, **changes}

    async def agreed(self, kind: str = "treatment", *provisions: Any, base: str = "permit", **changes: Any) -> str:
        """The id of a consent of this kind, signed by the client and active."""
        made = await self.intake.post("/v1/consents", self.form(kind, *provisions, base=base, **changes))
        signed = await self.client.post(f"/v1/consents/{made.id}/signatures", {})
        assert signed.json["status"] == "active", signed.json
        return made.id

    async def held(self, by: Person | None = None, **changes: Any) -> str:
        by = by or self.marsh
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
        body = {
            "client_id": self.client_id,
            "therapist_id": by.sub,
            "started_at": start.isoformat().replace("+00:00", "Z"),
            "ended_at": (start + timedelta(minutes=50)).isoformat(),
            "modality": "cbt",
            "format": "individual",
            "attendance": "attended",
            **changes,
        }
        return (await by.post("/v1/sessions", body)).id

    async def progress(self, by: Person | None = None, **changes: Any) -> str:
        by = by or self.marsh
        body = {"format": "SOAP", "sections": SOAP, **changes}
        return (await by.post(f"/v1/sessions/{await self.held(by)}/progress-notes", body)).id

    async def private(self, by: Person | None = None) -> str:
        by = by or self.marsh
        body = {"sections": {"transference": "An image of a lighthouse."}}
        return (await by.post(f"/v1/sessions/{await self.held(by)}/psychotherapy-notes", body)).id

    async def asked(self, instrument: str = "wai-sr", rater: str = "client", by: Person | None = None) -> Answer:
        body = {"client_id": self.client_id, "instrument": instrument, "rater": rater}
        return await (by or self.marsh).post("/v1/administrations", body)

    async def rated(self, answer: int = 4) -> Answer:
        """The client answers a WAI-SR with the same number everywhere."""
        made = await self.asked()
        answers = {str(i): answer for i in range(1, 13)}
        return await self.client.post(f"/v1/administrations/{made.id}/responses", {"answers": answers})

    def newcomer(self, role: str = "therapist") -> Person:
        return self.rest.as_(f"{role}-{uuid4().hex[:8]}", role)

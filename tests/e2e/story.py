"""A course of therapy, told once through the REST surface, and run in every way the product is run.

Fictional throughout: Noor Haddad is the client, Dr. Lena Marsh her therapist, Sam Okoye joins the care team later.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.e2e.rest import Person, Rest, choose_law, until

CANARY = "the heron waited by the frozen weir"
"""stands in notes; it must be found in no file, log, dump or segment"""
PRIVATE_CANARY = "an amber kite above the old orchard"

STRAINED_AND_REPAIRED = [44, 45, 46, 45, 47, 46, 33, 34, 46, 47, 48, 48]
TREATMENT = {
    "explained_by": "Dr. Lena Marsh",
    "explained_on": "2026-01-12",
    "nature": "Weekly individual psychotherapy, psychodynamic, fifty minutes.",
    "risks": "Strong feelings may come up; they are talked about as they arise.",
    "alternatives": "Group therapy, a medication consultation, or waiting.",
    "limits_of_confidentiality": "Serious and imminent danger; a court order.",
}


async def _nothing() -> None:
    return None


@dataclass
class Told:
    """What later checks need to know of the story."""

    client_id: str = ""
    progress_note: str = ""
    psychotherapy_note: str = ""
    revocation_ms: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


class Story:
    """`interlude` is called in the middle (compose restarts Kafka and PostgreSQL there); `patience` is how many seconds a
    message may take then: a consumer that was killed holds its partitions until its session times out."""

    def __init__(self, rest: Rest, *, interlude: Callable[[], Awaitable[None]] = _nothing, patience: float = 5.0) -> None:
        self.rest, self.interlude, self.patience, self.told = rest, interlude, patience, Told()
        tag = uuid4().hex[:8]
        self.intake = rest.as_(f"intake-{tag}", "intake")
        self.marsh = rest.as_(f"lena.marsh-{tag}", "therapist")
        self.okoye = rest.as_(f"sam.okoye-{tag}", "therapist")
        self.stranger = rest.as_(f"stranger-{tag}", "therapist")
        self.officer = rest.as_(f"officer.one-{tag}", "compliance_officer")
        self.second_officer = rest.as_(f"officer.two-{tag}", "compliance_officer")
        self.noor: Person | None = None

    async def tell(self) -> Told:
        await self.consent_is_given()
        await self.both_notes_are_written()
        await self.a_stranger_sees_nothing()
        await self.the_care_team_sees_its_part()
        await self.interlude()
        await self.the_alliance_strains_and_is_repaired()
        await self.the_client_withholds()
        await self.the_client_revokes()
        await self.the_officer_finds_every_access()
        return self.told

    @property
    def client(self) -> Person:
        assert self.noor is not None
        return self.noor

    async def consent_is_given(self) -> None:
        made = await self.intake.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "1991-04-03"})
        client_id = self.told.client_id = made.id
        self.noor = self.rest.as_(f"noor-{client_id[:8]}", "client", client_id=client_id)
        today = datetime.now(UTC).date().isoformat()
        await self.intake.post(
            "/v1/relationships",
            {"client_id": client_id, "practitioner_id": self.marsh.sub, "role": "therapist", "period": {"start": today}},
        )
        form = {
            "client_id": client_id,
            "kind": "treatment",
            "grantor": {"role": "client", "name": "Noor Haddad"},
            "policy": {"base": "permit", "provisions": []},
            "period": {"start": today},
            "elements": {k: v for k, v in TREATMENT.items() if k != "risks"},
        }
        proposed = await self.intake.post("/v1/consents", form)
        assert proposed.json["status"] == "proposed"
        assert set(proposed.json["missing"]) == {"risks", "signature"}
        consent = self.told.facts["consent"] = proposed.id
        etag = (await self.intake.get(f"/v1/consents/{consent}")).headers["Etag"]
        completed = await self.intake.put(f"/v1/consents/{consent}", {**form, "elements": TREATMENT}, If_Match=etag)
        assert completed.json["status"] == "proposed"
        assert completed.json["missing"] == ["signature"]
        signed = await self.client.post(f"/v1/consents/{consent}/signatures")
        assert signed.json["status"] == "active"
        measures = {**form, "kind": "measurement", "elements": TREATMENT}
        second = await self.intake.post("/v1/consents", measures)
        witnessed = {"witness": "R. Ilves, front desk", "evidence": "paper form, scanned"}
        assert (await self.intake.post(f"/v1/consents/{second.id}/signatures", witnessed)).json["status"] == "active"

    async def session(self, days_ago: int) -> str:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days_ago, hours=2)
        made = await self.marsh.post(
            "/v1/sessions",
            {
                "client_id": self.told.client_id,
                "therapist_id": self.marsh.sub,
                "started_at": start.isoformat(),
                "ended_at": (start + timedelta(minutes=50)).isoformat(),
                "modality": "psychodynamic",
                "format": "individual",
                "attendance": "attended",
            },
        )
        return made.id

    async def both_notes_are_written(self) -> None:
        session = await self.session(90)
        progress = await self.marsh.post(
            f"/v1/sessions/{session}/progress-notes",
            {
                "format": "SOAP",
                "sections": {
                    "subjective": f"Spoke of home: {CANARY}.",
                    "objective": "Calm, in good contact.",
                    "assessment": "Working well on the agreed goals.",
                    "plan": "Continue weekly.",
                },
            },
        )
        private = await self.marsh.post(
            f"/v1/sessions/{session}/psychotherapy-notes",
            {"sections": {"countertransference": f"An image stayed with me: {PRIVATE_CANARY}.", "process": "Slower today."}},
        )
        self.told.progress_note, self.told.psychotherapy_note = progress.id, private.id
        await self.marsh.post(f"/v1/notes/{progress.id}/signatures", want=(200, 201))
        await self.marsh.post(f"/v1/notes/{progress.id}/addenda", {"text": "She called to confirm."}, want=(200, 201))
        for note, canary in ((progress.id, CANARY), (private.id, PRIVATE_CANARY)):
            read = await self.marsh.get(f"/v1/notes/{note}")
            assert canary in read.text
            assert read.entries

    async def a_stranger_sees_nothing(self) -> None:
        for note in (self.told.progress_note, self.told.psychotherapy_note):
            assert CANARY not in (await self.stranger.get(f"/v1/notes/{note}", want=404)).text
        await self.stranger.get(f"/v1/notes?client_id={self.told.client_id}", want=404)
        await self.stranger.get(f"/v1/clients/{self.told.client_id}", want=404)
        other = self.rest.as_(self.marsh.sub, "therapist", tenant="another-clinic")
        await other.get(f"/v1/notes/{self.told.progress_note}", want=404)

    async def the_care_team_sees_its_part(self) -> None:
        today = datetime.now(UTC).date().isoformat()
        added = await self.intake.post(
            "/v1/relationships",
            {
                "client_id": self.told.client_id,
                "practitioner_id": self.okoye.sub,
                "role": "care_team",
                "period": {"start": today},
            },
        )
        self.told.facts["care_team"] = added.id
        assert CANARY in (await self.okoye.get(f"/v1/notes/{self.told.progress_note}")).text
        await self.okoye.get(f"/v1/notes/{self.told.psychotherapy_note}", want=404)
        listed = (await self.okoye.get(f"/v1/notes?client_id={self.told.client_id}")).json["items"]
        assert [n["id"] for n in listed] == [self.told.progress_note]
        grant = {
            "client_id": self.told.client_id,
            "purpose": "BTG",
            "reason": "Client on the phone in acute distress, therapist out of reach.",
            "scope": [],
            "minutes": 30,
        }
        await self.okoye.post("/v1/break-glass", grant)
        broken = await self.okoye.get(f"/v1/notes/{self.told.psychotherapy_note}", want=404, X_Purpose_Of_Use="BTG")
        assert PRIVATE_CANARY not in broken.text
        seen = await self.okoye.get(f"/v1/notes/{self.told.progress_note}", X_Purpose_Of_Use="BTG")
        assert CANARY in seen.text

    async def alliance(self, person: Person) -> Any:
        return (await person.get(f"/v1/clients/{self.told.client_id}/alliance?instrument=wai-sr")).json

    async def prompts(self, person: Person, session: str) -> list[Any]:
        return list((await person.get(f"/v1/sessions/{session}")).json["prompts"])

    async def the_alliance_strains_and_is_repaired(self) -> None:
        for number, total in enumerate(STRAINED_AND_REPAIRED, start=1):
            made = await self.marsh.post(
                "/v1/administrations", {"client_id": self.told.client_id, "instrument": "wai-sr", "rater": "client"}
            )
            base, extra = divmod(total, 12)
            answers = {str(i): base + (1 if i <= extra else 0) for i in range(1, 13)}
            scored = await self.client.post(f"/v1/administrations/{made.id}/responses", {"answers": answers})
            assert scored.json["scores"]["total"] == total

            async def visible(count: int = number) -> bool:
                return len((await self.alliance(self.marsh))["series"]) == count

            await until(f"answer {number} is visible to the therapist", visible, 1.0)
            if number == 7:
                episodes = (await self.alliance(self.marsh))["episodes"]
                assert [(e["kind"], e["onset"], e.get("repaired_at")) for e in episodes] == [("strain", 7, None)]
                session = await self.session(7)

                async def prompted(session: str = session) -> bool:
                    return any(p["kind"] == "strain" for p in await self.prompts(self.marsh, session))

                await until("a repair prompt on the next session", prompted, self.patience)
                self.told.facts["prompted_session"] = session
        episodes = (await self.alliance(self.marsh))["episodes"]
        assert [(e["onset"], e["low"], e["repaired_at"]) for e in episodes] == [(7, 33, 9)]

    async def the_client_withholds(self) -> None:
        path = f"/v1/clients/{self.told.client_id}/alliance/release"
        await self.marsh.put(path, {"therapist": "immediate"}, want=403)
        await self.client.put(path, {"therapist": "withheld"})
        seen = await self.alliance(self.marsh)
        assert seen == {"released": False, "series": [], "episodes": []}
        assert await self.prompts(self.marsh, self.told.facts["prompted_session"]) == []
        later = await self.session(1)
        assert await self.prompts(self.marsh, later) == []
        listed = await self.marsh.call("GET", f"/v1/administrations?client_id={self.told.client_id}")
        assert '"scores": {"' not in listed.text
        assert '"scores":{"' not in listed.text
        own = await self.alliance(self.client)
        assert own["released"] is True
        assert len(own["series"]) == 12

    async def the_client_revokes(self) -> None:
        consent = self.told.facts["consent"]
        assert CANARY in (await self.okoye.get(f"/v1/notes/{self.told.progress_note}")).text
        started = perf_counter()
        revoked = await self.client.post(f"/v1/consents/{consent}/revocations", {"reason": "I want a pause."}, want=200)
        self.told.revocation_ms = (perf_counter() - started) * 1000
        assert revoked.json["status"] == "revoked"
        assert revoked.json["enforced"] is True
        refused = await self.okoye.get(f"/v1/notes/{self.told.progress_note}", want=403)
        assert CANARY not in refused.text
        self.told.facts["refused_entry"] = refused.entries
        author = await self.marsh.get(f"/v1/notes/{self.told.progress_note}")
        assert CANARY in author.text

    async def the_officer_finds_every_access(self) -> None:
        query = f"/v1/audit/entries?client_id={self.told.client_id}&limit=200"
        found: list[Any] = []
        page = (await self.officer.get(query)).json
        found += page["items"]
        while page["next"]:
            page = (await self.officer.get(f"{query}&cursor={page['next']}")).json
            found += page["items"]
        reads = [e for e in found if e["agent"]["sub"] == self.okoye.sub and e["action"] in ("read", "search")]
        assert {e["outcome"] for e in reads} == {"permit", "deny"}
        assert any(e["purpose"]["code"] == "BTG" for e in reads)
        for entry in (reads[0], reads[-1]):
            await self.prove(entry["index"])
        report = (await self.client.get(f"/v1/audit/clients/{self.told.client_id}/access-report")).json
        assert report["items"]
        await self.stranger.get(f"/v1/audit/clients/{self.told.client_id}/access-report", want=(403, 404))
        verified = (await self.officer.get("/v1/audit/verification")).json
        assert verified["ok"] is True, verified

    async def prove(self, index: int) -> None:
        """Checks an entry's proof by the text of RFC 6962 and C2SP, not by the product's own code."""
        bundle = (await self.officer.get(f"/v1/audit/entries/{index}/proof", Accept="application/json")).json
        decode = base64.b64decode
        leaf = decode(bundle["leaf"])
        commitment = hmac.digest(decode(bundle["salt"]), bundle["payload"].encode(), "sha256")
        assert base64.b64encode(commitment) in leaf
        head, _, checkpoint = bundle["proof"].partition("\n\n")
        lines = head.splitlines()
        steps = [decode(line) for line in lines[lines.index(f"index {index}") + 1 :]]
        body, _, signatures = checkpoint.partition("\n\n")
        origin, size, root = body.splitlines()[:3]
        name, _, key = bundle["vkey"].split("+", 2)
        assert name == origin
        signature = decode(signatures.split()[2])
        Ed25519PublicKey.from_public_bytes(decode(key)[1:]).verify(signature[4:], (body + "\n").encode())
        node = hashlib.sha256(b"\x00" + leaf).digest()
        number, last = index, int(size) - 1
        for step in steps:
            assert last
            if number % 2 or number == last:
                node = hashlib.sha256(b"\x01" + step + node).digest()
                while number and number % 2 == 0:
                    number, last = number >> 1, last >> 1
            else:
                node = hashlib.sha256(b"\x01" + node + step).digest()
            number, last = number >> 1, last >> 1
        assert last == 0
        assert node == decode(root)

    async def erasure(self) -> None:
        """By two people; told last, for it ends the story."""
        # the default pack keeps evidence of consent for six years; this practice comes to be under the law of the EU alone
        await choose_law("eu", self.officer, self.second_officer)
        classes = ["identity", "progress_note", "psychotherapy_note", "measures", "consent_evidence"]
        asked = await self.officer.post(
            "/v1/erasures", {"client_id": self.told.client_id, "key_classes": classes, "basis": "GDPR 17(1)(b)"}, want=202
        )
        await self.officer.post(f"/v1/erasures/{asked.id}/approvals", want=403)
        await self.second_officer.post(f"/v1/erasures/{asked.id}/approvals", want=(200, 201, 202))

        async def completed() -> bool:
            return bool((await self.officer.get(f"/v1/erasures/{asked.id}")).json["status"] == "completed")

        await until("the erasure is completed", completed, max(10.0, self.patience))
        await self.it_is_unreadable()
        verified = (await self.officer.get("/v1/audit/verification")).json
        assert verified["ok"] is True, verified

    async def it_is_unreadable(self) -> None:
        for note in (self.told.progress_note, self.told.psychotherapy_note):
            read = await self.marsh.get(f"/v1/notes/{note}")
            assert read.json["status"] == "erased"
            assert CANARY not in read.text
            assert PRIVATE_CANARY not in read.text
        own = await self.client.call("GET", f"/v1/clients/{self.told.client_id}")
        assert "Noor" not in own.text
        scores = await self.client.call("GET", f"/v1/clients/{self.told.client_id}/alliance?instrument=wai-sr")
        assert '"total"' not in scores.text

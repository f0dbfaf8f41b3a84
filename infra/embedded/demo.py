"""The demo clinic: made once, through the REST surface like anybody's data. Fictional throughout."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from infra.demo.caller import TENANT, Caller

OFFICER: Final = {"sub": "officer", "name": "R. Ilves", "tenant": TENANT, "role": "compliance_officer"}
SCORES: Final = (44, 45, 46, 45, 47, 46, 33, 34, 46, 47)
"""WAI-SR totals, session by session: a drop at the seventh, repaired at the ninth"""


@dataclass(frozen=True, slots=True)
class Ids:
    client_id: str
    note_id: str


EHR: Final = {"system": "riverside-ehr", "name": "Riverside EHR"}
"""the record system that the demo clinic trusts"""


@dataclass(frozen=True, slots=True)
class Demo:
    client_id: str
    note_id: str
    tokens: dict[str, str]


async def demo_clinic(session: aiohttp.ClientSession, url: str, file: Path) -> Demo:
    """The demo's ids and fresh tokens. What was made before is found in `file`."""
    caller = Caller(session, url)
    if file.exists():
        ids = Ids(**json.loads(file.read_text()))
    else:
        ids = await _make(caller)
        file.write_text(json.dumps(asdict(ids)))
    tokens = {
        "THERAPIST": await caller.token("lena.marsh", "Dr. Lena Marsh", "therapist"),
        "CLIENT": await caller.token("noor.haddad", "Noor Haddad", "client", ids.client_id),
        "INTAKE": await caller.token("front.desk", "Front desk", "intake"),
        "OFFICER": await caller.token(OFFICER["sub"], OFFICER["name"], OFFICER["role"]),
        "ADMINISTRATOR": await caller.token("practice.manager", "Practice manager", "administrator"),
        "EHR": await caller.token(EHR["system"], EHR["name"], "ehr_system"),
    }
    await caller.post("/v1/ehr-systems", EHR, token=tokens["ADMINISTRATOR"])
    return Demo(ids.client_id, ids.note_id, tokens)


async def _make(caller: Caller) -> Ids:
    intake = await caller.token("front.desk", "Front desk", "intake")
    therapist = await caller.token("lena.marsh", "Dr. Lena Marsh", "therapist")
    since = str(datetime.now(UTC).date() - timedelta(weeks=len(SCORES) + 1))
    client_id = (await caller.post("/v1/clients", {"name": "Noor Haddad", "birth_date": "1991-04-03"}, token=intake))["id"]
    client = await caller.token("noor.haddad", "Noor Haddad", "client", client_id)
    await caller.post(
        "/v1/relationships",
        {
            "client_id": client_id,
            "practitioner_id": "lena.marsh",
            "role": "therapist",
            "period": {"start": since},
        },
        token=intake,
    )
    for kind in ("treatment", "measurement"):
        consent = await caller.post("/v1/consents", _consent(client_id, kind, since), token=intake)
        await caller.post(f"/v1/consents/{consent['id']}/signatures", {}, token=client)
    note_id = ""
    for number, total in enumerate(SCORES):
        start = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(weeks=len(SCORES) - number)
        session_id = (await caller.post("/v1/sessions", _session(client_id, start), token=therapist))["id"]
        if number == 0:
            note = await caller.post(f"/v1/sessions/{session_id}/progress-notes", _NOTE, token=therapist)
            note_id = note["id"]
            await caller.post(f"/v1/notes/{note_id}/signatures", {}, token=therapist)
            await caller.post(f"/v1/sessions/{session_id}/psychotherapy-notes", _PRIVATE, token=therapist)
        asked = {"client_id": client_id, "instrument": "wai-sr", "session_id": session_id, "rater": "client"}
        administration = (await caller.post("/v1/administrations", asked, token=therapist))["id"]
        base, extra = divmod(total, 12)
        answers = {str(item): base + (1 if item <= extra else 0) for item in range(1, 13)}
        await caller.post(f"/v1/administrations/{administration}/responses", {"answers": answers}, token=client)
    return Ids(client_id, note_id)


def _consent(client_id: str, kind: str, start: str) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "kind": kind,
        "grantor": {"role": "client", "name": "Noor Haddad"},
        "policy": {"base": "permit", "provisions": []},
        "period": {"start": start},
        "elements": {
            "explained_by": "Dr. Lena Marsh",
            "explained_on": start,
            "nature": "Weekly individual psychotherapy of fifty minutes, with a short questionnaire after each session.",
            "risks": "Strong feelings may come up; they are talked about as they arise.",
            "alternatives": "Group therapy, a medication consultation, or waiting.",
            "limits_of_confidentiality": "Serious and imminent danger; a court order.",
        },
    }


def _session(client_id: str, start: datetime) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "therapist_id": "lena.marsh",
        "started_at": start.isoformat(),
        "ended_at": (start + timedelta(minutes=50)).isoformat(),
        "modality": "psychodynamic",
        "format": "individual",
        "attendance": "attended",
    }


_NOTE: Final = {
    "format": "SOAP",
    "sections": {
        "subjective": "Came with a wish to understand why closeness turns into distance.",
        "objective": "In good contact, thoughtful, sleeps better by own account.",
        "assessment": "Goals agreed: to notice the moment of stepping back, and to stay a little longer.",
        "plan": "Weekly sessions; look at the questionnaire together.",
    },
}
_PRIVATE: Final = {
    "sections": {
        "transference": "Waits for me to lose interest, and says so with humour.",
        "countertransference": "I notice that I want to reassure quickly; to hold that back.",
    }
}

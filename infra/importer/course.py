"""One client of the table against the record: what is missing there is added, a score of an earlier import that the table has
otherwise now is corrected, and what is equal is left.

Identity rests on the tenant and the row's own id, never on the file: a client is the one who bears the identifier
`urn:import:<source>` with the value of the column `id`; a session is the client's session number `s`, and in the record the one
that began at that instant; a score is that session's score of one measure. So a corrected or a longer file changes only what
differs, and a run that was broken off goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from infra.importer.rest import REUSED, Api, Refused
from infra.importer.table import LENGTH, Row, Table
from shared.values.time import read_instant

CORRECTED: Final = "The imported table has another score of this session now."
THERAPIST: Final = "import.therapist"
CONSENTS: Final = ("treatment", "measurement")
OF_ROWS: Final = (403, 404, 409, 412, 422)
"""a refusal with one of these concerns the client or the row; the others stop the run"""


@dataclass(frozen=True, slots=True)
class Tokens:
    intake: str
    therapist: str
    officer: str


@dataclass(slots=True)
class Counts:
    clients: int = 0
    sessions: int = 0
    scores: int = 0
    corrected: int = 0

    def __str__(self) -> str:
        added = f"{self.clients} clients, {self.sessions} sessions, {self.scores} scores"
        return f"{added}, {self.corrected} corrections" if self.corrected else added


@dataclass(frozen=True, slots=True)
class Score:
    """One that the record has."""

    id: str
    version: int
    value: float


@dataclass(slots=True)
class Kept:
    """A client's sessions and scores as the record has them."""

    sessions: dict[datetime, str] = field(default_factory=dict)
    """by the instant at which they began → id"""
    scores: dict[tuple[str, str], list[Score]] = field(default_factory=dict)
    """by session id and measure; several where they stand there twice"""


class Unfit(Exception):
    """Why a client's rows are not imported, in words."""


class Importer:
    """`source` names the table whose ids these are. `step()` is called after each row. With `dry` nothing is written."""

    def __init__(
        self, api: Api, tokens: Tokens, table: Table, *, source: str, step: Callable[[], None], dry: bool = False
    ) -> None:
        self._api, self._tokens, self._table, self._source, self._step, self._dry = api, tokens, table, source, step, dry
        self.written, self.sound = Counts(), Counts()
        """what this run added, or would add; what the record has in the end"""

    async def course(self, client: str) -> None:
        """Everything of one client. A row that cannot be imported is rejected in the table, with the reason."""
        rows = self._table.rows_of(client)
        try:
            client_id = await self._client(client, rows)
            kept = await self._kept(client_id) if client_id else Kept()
            wrote = False
            for row in rows:
                wrote |= await self._row(client, client_id, row, kept)
                self._step()
            if client_id and not self._dry:
                self._compare(self._table.rows_of(client), await self._kept(client_id) if wrote else kept)
        except (Refused, Unfit) as error:
            if isinstance(error, Refused) and error.status not in OF_ROWS:
                raise
            for row in self._table.rows_of(client):
                self._table.reject(row.line, str(error))

    def _key(self, *parts: str) -> str:
        """The Idempotency-Key of one thing of the table: the same in each run, whatever the file's other rows are."""
        said = b"".join(len(p).to_bytes(4, "big") + p for p in (part.encode() for part in (self._source, *parts)))
        return f"import-{sha256(said).hexdigest()[:40]}"

    async def _post(self, token: str, path: str, body: Any, *key: str) -> Any:
        return await self._api.post(token, path, body, self._key(*key))

    async def _client(self, client: str, rows: list[Row]) -> str | None:
        """The client's id; None where a dry run would make one."""
        identifier = {"system": f"urn:import:{self._source}", "value": client}
        # a search compares without case: "a1" and "A1" are two clients
        alike = await self._api.search(self._tokens.intake, "/v1/clients/search", {"identifier": identifier})
        found = [c["id"] for c in alike if identifier in c["identifiers"]]
        if len(found) > 1:
            raise Unfit(f"{len(found)} clients of the record bear this id")
        if not found:
            self.written.clients += 1
            if self._dry:
                return None
            body = {"name": f"Client {client}", "birth_date": None, "identifiers": [identifier]}
            found = [str((await self._post(self._tokens.intake, "/v1/clients", body, "client", client))["id"])]
        if not self._dry:
            await self._agreements(client, found[0], min(row.day for row in rows).isoformat())
        return str(found[0])

    async def _agreements(self, client: str, client_id: str, start: str) -> None:
        """The relationship and the consents, where none of their kind ever was: what was ended or revoked stays so."""
        intake, of = self._tokens.intake, f"?client_id={client_id}"
        relationships = await self._api.pages(intake, f"/v1/relationships{of}")
        if not any(r["practitioner_id"] == THERAPIST for r in relationships):
            body = {"client_id": client_id, "practitioner_id": THERAPIST, "role": "therapist", "period": {"start": start}}
            await self._post(intake, "/v1/relationships", body, "relationship", client)
        consents = await self._api.pages(intake, f"/v1/consents{of}")
        for kind in CONSENTS:
            there = [c for c in consents if c["kind"] == kind]
            made = there or [await self._post(intake, "/v1/consents", _consent(client_id, client, kind, start), kind, client)]
            if made[0]["status"] == "proposed":
                witnessed = {"witness": "Data import", "evidence": "Signed form on file at the source of the imported table."}
                await self._post(intake, f"/v1/consents/{made[0]['id']}/signatures", witnessed, kind, "signature", client)

    async def _kept(self, client_id: str) -> Kept:
        kept = Kept()
        for session in await self._api.pages(self._tokens.therapist, f"/v1/sessions?client_id={client_id}"):
            _shown(session)
            kept.sessions[read_instant(session["started_at"])] = session["id"]
        for outcome in await self._api.pages(self._tokens.therapist, f"/v1/clients/{client_id}/outcomes"):
            _shown(outcome)
            kept.scores.setdefault((outcome["session_id"], outcome["measure"]), []).append(
                Score(outcome["id"], outcome["version"], outcome["score"])
            )
        return kept

    async def _row(self, client: str, client_id: str | None, row: Row, kept: Kept) -> bool:
        """Adds what is missing of one row; whether that was anything."""
        session_id = kept.sessions.get(row.began)
        faults = [] if session_id is None else _several(row, session_id, kept)
        if faults:
            self._table.reject(row.line, "; ".join(faults))
            return False
        wrote = session_id is None
        try:
            if session_id is None:
                session_id = await self._session(client, client_id, row)
            for measure, score in row.scores.items():
                there = kept.scores.get((session_id, measure))
                if there is None:
                    wrote = True
                    await self._score(client, client_id, row, session_id, measure, score)
                elif there[0].value != score:
                    wrote = True
                    await self._corrected(there[0], score)
        except Refused as error:
            if error.status not in OF_ROWS:
                raise
            again = "the record has this session or score in another form; correct it there"
            self._table.reject(row.line, again if error.kind == REUSED else str(error))
        return wrote

    async def _session(self, client: str, client_id: str | None, row: Row) -> str:
        self.written.sessions += 1
        if self._dry:
            return ""
        body = {
            "client_id": client_id,
            "therapist_id": THERAPIST,
            "started_at": row.began.isoformat(),
            "ended_at": (row.began + LENGTH).isoformat(),
            "modality": "cbt",
            "format": "individual",
            "attendance": "attended",
        }
        made = await self._post(self._tokens.therapist, "/v1/sessions", body, "session", client, str(row.session))
        return str(made["id"])

    async def _score(self, client: str, client_id: str | None, row: Row, session_id: str, measure: str, score: float) -> None:
        self.written.scores += 1
        if self._dry:
            return
        body = {"measure": measure, "session_id": session_id, "date": row.day.isoformat(), "score": score}
        path = f"/v1/clients/{client_id}/outcomes"
        await self._post(self._tokens.therapist, path, body, "outcome", client, str(row.session), measure)

    async def _corrected(self, there: Score, score: float) -> None:
        """The gate lets the import correct what an import wrote down, and nobody else's."""
        if not self._dry:
            body = {"score": score, "reason": CORRECTED}
            await self._api.put(self._tokens.therapist, f"/v1/outcomes/{there.id}", body, there.version)
        self.written.corrected += 1

    def _compare(self, rows: list[Row], kept: Kept) -> None:
        """The rows that were not rejected with the record as it reads now, through the gate."""
        for row in rows:
            session_id = kept.sessions.get(row.began)
            there = {} if session_id is None else {m: [s.value for s in kept.scores.get((session_id, m), ())] for m in row.scores}
            if session_id is None or there != {m: [s] for m, s in row.scores.items()}:
                self._table.reject(row.line, "does not read back equal")
                continue
            self.sound.sessions += 1
            self.sound.scores += len(row.scores)
        self.sound.clients += 1


def _several(row: Row, session_id: str, kept: Kept) -> list[str]:
    """Measures of which the record has several scores, so that nobody can tell which one the table means."""
    counts = {measure: len(kept.scores.get((session_id, measure), ())) for measure in row.scores}
    return [f"{measure}: the record has {count} scores of this session" for measure, count in counts.items() if count > 1]


def _shown(item: dict[str, Any]) -> None:
    if item.get("erased"):
        raise Unfit("records of this client were erased; an import does not bring them back")
    if "not_shown" in item:
        raise Unfit("a record of this client cannot be shown, so nobody can tell what is missing")


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

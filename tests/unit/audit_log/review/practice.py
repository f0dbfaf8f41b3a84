"""A made-up practice: clients in care, staff at work, ordinary accesses, and planted ones of twenty kinds. Nothing clinical."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from services.audit_log.officers.domain.access import Access, Known, Tie, Work
from shared.contracts.consent_policy import RelationshipRole, RelationshipSet

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 280
RARE_HOURS = frozenset({23, 0, 1, 2, 3, 4})


@dataclass
class Client:
    id: str
    therapist: str
    supervisor: str
    began: datetime
    until: datetime
    """care was written about until then"""
    relationships: list[RelationshipSet] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)

    def known(self, **more: object) -> Known:
        given: dict[str, object] = {"relationships": tuple(self.relationships), "work": tuple(self.work)}
        return Known(**(given | more))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """An access with all that is known around it; `kind` is empty for an ordinary one."""

    access: Access
    known: Known
    kind: str = ""
    burst: bool = False
    rare_hour: bool = False
    searched: bool = False


class Practice:
    def __init__(self, seed: int, clients: int = 400, therapists: int = 40) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self._numbers = count(1)
        self.staff = [f"t-{n}" for n in range(therapists)]
        self.supervisors = [f"s-{n}" for n in range(max(2, therapists // 8))]
        self.clients = [self._client() for _ in range(clients)]

    def relation(
        self, client: str, sub: str, role: str, start: datetime, end: datetime | None = None, by: str = "desk"
    ) -> RelationshipSet:
        return RelationshipSet(
            relationship_id=UUID(int=next(self._numbers)),
            client_id=UUID(client),
            practitioner_id=sub,
            role=RelationshipRole(role),
            start=start,
            end=end,
            at=start,
            recorded_by=by,
        )

    def ordinary(self, number: int) -> Iterator[Case]:
        """A working year: who treats reads before and after sessions; supervisors, desk, billing, own records, exchange. Two in
        a hundred are what an ordinary practice leaves unexplained: a colleague answers the telephone, an old letter is sought."""
        kinds: list[tuple[int, Callable[[Client], Case]]] = [
            (62, self._around_session),
            (12, self._before_writing),
            (8, self._supervising),
            (9, self._desk),
            (4, self._billing),
            (2, self._own_old_note),
            (1, self._exchange),
            (2, self._covering),
        ]
        makers = [maker for weight, maker in kinds for _ in range(weight)]
        for _ in range(number):
            yield self.rng.choice(makers)(self.rng.choice(self.clients))

    def access(self, client: Client, sub: str, at: datetime, role: str = "therapist", **more: object) -> Access:
        note = next((w for w in reversed(client.work) if w.at <= at and w.record_type == "progress_note"), client.work[-1])
        given: dict[str, object] = {
            "index": next(self._numbers),
            "at": at,
            "agent": sub,
            "name": sub,
            "role": role,
            "client_id": client.id,
            "action": "read",
            "purpose": "TREAT",
            "records": (note.record_id,),
            "record_types": frozenset({"progress_note"}),
        }
        return Access(**(given | more))  # type: ignore[arg-type]

    def during(self, client: Client) -> datetime:
        span = (client.until - client.began).total_seconds()
        at = client.began + timedelta(seconds=self.rng.random() * span)
        return at.replace(hour=self.rng.randint(8, 18))

    def stranger(self, client: Client) -> str:
        return self.rng.choice([s for s in self.staff if s != client.therapist])

    def _client(self) -> Client:
        therapist, supervisor = self.rng.choice(self.staff), self.rng.choice(self.supervisors)
        began = START + timedelta(days=self.rng.randint(0, DAYS // 3))
        until = began + timedelta(days=self.rng.randint(60, DAYS // 2))
        client = Client(str(UUID(int=self.rng.getrandbits(128))), therapist, supervisor, began, until)
        client.relationships = [
            self.relation(client.id, therapist, "therapist", began, until + timedelta(days=20)),
            self.relation(client.id, supervisor, "supervisor", began, until + timedelta(days=20)),
        ]
        client.work = [self._work("desk", "client", began - timedelta(days=3)), self._work("desk", "consent", began)]
        at = began + timedelta(days=2)
        while at < until:
            client.work += [self._work(therapist, "session", at), self._work(therapist, "progress_note", at + timedelta(hours=2))]
            at += timedelta(days=self.rng.choice((7, 7, 7, 7, 14, 35)))
        return client

    def _work(self, author: str, kind: str, at: datetime) -> Work:
        return Work(str(UUID(int=next(self._numbers))), author, kind, at)

    def _around_session(self, c: Client) -> Case:
        session = self.rng.choice([w for w in c.work if w.record_type == "session"])
        return Case(self.access(c, c.therapist, session.at + timedelta(hours=self.rng.randint(-30, 60))), c.known())

    def _before_writing(self, c: Client) -> Case:
        return Case(self.access(c, c.therapist, self.during(c)), c.known())

    def _supervising(self, c: Client) -> Case:
        return Case(self.access(c, c.supervisor, self.during(c), "supervisor", purpose="TRAIN"), c.known())

    def _desk(self, c: Client) -> Case:
        types = frozenset({"client"})
        return Case(self.access(c, "desk", self.during(c), "intake", purpose="HOPERAT", record_types=types), c.known())

    def _billing(self, c: Client) -> Case:
        types = frozenset({"client", "consent"})
        access = self.access(c, "billing", self.during(c), "ehr_system", purpose="HPAYMT", record_types=types)
        return Case(access, c.known())

    def _own_old_note(self, c: Client) -> Case:
        return Case(self.access(c, c.therapist, c.until + timedelta(days=self.rng.randint(30, 200))), c.known())

    def _exchange(self, c: Client) -> Case:
        return Case(self.access(c, "ehr", self.during(c), "ehr_system", purpose="TREAT"), c.known())

    def _covering(self, c: Client) -> Case:
        return Case(self.access(c, self.stranger(c), self.during(c)), c.known())


def planted(p: Practice, each: int) -> Iterator[Case]:
    """Twenty kinds, `each` times: ways in which people have looked at records that were not theirs to look at."""
    for kind, make in KINDS.items():
        for _ in range(each):
            yield replace(make(p, p.rng.choice(p.clients)), kind=kind)


def _plain(p: Practice, c: Client, **known: object) -> Case:
    sub = p.stranger(c)
    ties = known.pop("ties", None)
    given = known | ({"ties": {sub: ties}} if ties else {})
    return Case(p.access(c, sub, p.during(c)), c.known(**given))


def _with(p: Practice, c: Client, role: str, *, by: str = "desk", charted: bool = False, **known: object) -> Case:
    """Somebody with a relationship on paper."""
    sub, at = p.stranger(c), p.during(c)
    held = p.relation(c.id, sub, role, c.began, None, sub if by == "self" else by)
    more = tuple(Work(f"w-{n}", sub, "consent", at - timedelta(days=20 + n)) for n in range(1)) if charted else ()
    base = c.known(**known)
    return Case(p.access(c, sub, at), replace(base, relationships=(*base.relationships, held), work=(*base.work, *more)))


def _same_address(p: Practice, c: Client) -> Case:
    return Case(p.access(c, c.therapist, p.during(c)), c.known(ties={c.therapist: frozenset({Tie.SAME_ADDRESS})}))


def _self(p: Practice, c: Client) -> Case:
    return Case(p.access(c, c.therapist, p.during(c)), c.known(ties={c.therapist: frozenset({Tie.SAME_PERSON})}))


def _ended(p: Practice, c: Client) -> Case:
    sub = p.stranger(c)
    held = p.relation(c.id, sub, "therapist", c.began - timedelta(days=300), c.began - timedelta(days=120))
    base = c.known()
    return Case(p.access(c, sub, p.during(c)), replace(base, relationships=(*base.relationships, held)))


def _not_yet(p: Practice, c: Client) -> Case:
    sub, at = p.stranger(c), p.during(c)
    base, held = c.known(), p.relation(c.id, sub, "therapist", at + timedelta(days=90))
    return Case(p.access(c, sub, at), replace(base, relationships=(*base.relationships, held)))


def _refused(p: Practice, c: Client) -> Case:
    case = _with(p, c, "care_team", charted=True)
    refused = {case.access.agent: (case.access.at - timedelta(hours=3),)}
    return replace(case, known=replace(case.known, refused=refused))


def _grant(p: Practice, c: Client) -> Case:
    return Case(p.access(c, p.stranger(c), p.during(c), purpose="BTG", grant="g-1"), c.known())


def _night(p: Practice, c: Client) -> Case:
    at = p.during(c).replace(hour=2)
    return Case(p.access(c, c.supervisor, at, "supervisor", purpose="TRAIN"), c.known(), rare_hour=True)


def _burst(p: Practice, c: Client) -> Case:
    return replace(_with(p, c, "care_team", charted=True), burst=True)


def _care_over(p: Practice, c: Client) -> Case:
    """The relationship was never ended; the client has been gone for most of a year."""
    open_ended = tuple(replace_end(r) for r in c.relationships)
    at = c.until + timedelta(days=400)
    return Case(p.access(c, c.therapist, at), replace(c.known(), relationships=open_ended))


def replace_end(r: RelationshipSet) -> RelationshipSet:
    return r.model_copy(update={"end": None})


def _idle_desk(p: Practice, c: Client) -> Case:
    at = c.until + timedelta(days=150)
    return Case(p.access(c, "desk-2", at, "intake", purpose="HOPERAT", record_types=frozenset({"client"})), c.known())


def _nobody_supervised(p: Practice, c: Client) -> Case:
    at = c.until + timedelta(days=100)
    held = p.relation(c.id, "s-x", "supervisor", c.began)
    base = c.known()
    access = p.access(c, "s-x", at, "supervisor", purpose="TRAIN")
    return Case(access, replace(base, relationships=(*base.relationships, held)))


def _billing_by_another(p: Practice, c: Client) -> Case:
    types = frozenset({"client"})
    return Case(p.access(c, p.stranger(c), p.during(c), purpose="HPAYMT", record_types=types), c.known())


def _old_author(p: Practice, c: Client) -> Case:
    return Case(p.access(c, c.therapist, c.until + timedelta(days=700)), c.known())


def _clinical_at_the_desk(p: Practice, c: Client) -> Case:
    types = frozenset({"client", "administration"})
    return Case(p.access(c, "desk", p.during(c), "intake", purpose="HOPERAT", record_types=types), c.known())


KINDS: dict[str, Callable[[Practice, Client], Case]] = {
    "no relationship": lambda p, c: _plain(p, c),
    "same surname": lambda p, c: _plain(p, c, ties=frozenset({Tie.SAME_SURNAME})),
    "same address, though treating": _same_address,
    "one's own record as a client": _self,
    "a colleague, by a care team on paper": lambda p, c: _with(p, c, "care_team", charted=True, colleague=True),
    "a watched record, by a care team on paper": lambda p, c: _with(p, c, "care_team", charted=True, watched=True),
    "long after the relationship ended": _ended,
    "long before the relationship began": _not_yet,
    "care team that never charted": lambda p, c: _with(p, c, "care_team"),
    "care team entered by oneself": lambda p, c: _with(p, c, "care_team", by="self", charted=True),
    "opened from a search": lambda p, c: replace(_plain(p, c), searched=True),
    "after a refusal, under another purpose": _refused,
    "break-glass that nobody answered for": _grant,
    "supervision at a rare hour": _night,
    "one of very many within an hour": _burst,
    "care that was over, never closed": _care_over,
    "the desk without an errand": _idle_desk,
    "supervisor of nobody": _nobody_supervised,
    "billing by somebody who does not bill": _billing_by_another,
    "an author, two years later": _old_author,
}
assert len(KINDS) == 20
EXTRA: dict[str, Callable[[Practice, Client], Case]] = {"clinical record at the desk": _clinical_at_the_desk}

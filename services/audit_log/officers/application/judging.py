"""Judging accesses as they come: batch by batch behind the pages, each batch once, also with several processes."""

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.officers.domain.access import Access, Known, Tie, Work
from services.audit_log.officers.domain.explanations import REFUSED_WITHIN, Judged, Mark, judge
from shared.eventstore.model import Overloaded, StoreUnavailable, UniqueViolation

BATCH: Final = 10_000
"""entries"""
BREATH: Final = 200
"""accesses judged in one go: some milliseconds of the event loop"""
LOOKS: Final = 500
"""looks at the log alone that may wait to be counted until something else happens"""
WAIT_SECONDS: Final = 0.1
"""how long a page waits for what is newest"""
BURST: Final = 30
"""clients of one person within an hour"""
SEARCHED: Final = 5
"""clients whom one person searched within ten minutes before"""
RARE_SHARE: Final = 0.004
"""of a practice's uses: an hour of the day with less is a rare one"""
RARE_LEAST: Final = 2_000
"""uses that must be known before an hour can be rare"""
HOURS_SINCE: Final = timedelta(days=90)
_COLLEAGUE: Final = frozenset({"EMP"})
_WATCHED: Final = frozenset({"VIP", "CEL"})
"""v3-ActCode labels of a record: employee; very important person, celebrity"""
_log = logging.getLogger("review")


class Rows(Protocol):
    """What has not been judged yet, what is known around it, and where judgements are kept."""

    async def span(self, tenant: str) -> tuple[int, int, int]:
        """The next index to judge, the length of the log, and how many uses of records are between them."""

    async def accesses(self, tenant: str, first: int, until: int) -> list[Access]: ...

    async def some(self, tenant: str, indexes: Sequence[int]) -> list[Access]: ...

    async def work(self, tenant: str, clients: Sequence[str]) -> tuple[dict[str, list[Work]], dict[str, set[str]]]: ...

    async def ties(self, tenant: str, clients: Sequence[str]) -> dict[str, dict[str, frozenset[Tie]]]: ...

    async def refused(
        self, tenant: str, agents: Sequence[str], since: datetime, until: datetime
    ) -> dict[str, dict[str, tuple[datetime, ...]]]: ...

    async def justified(self, tenant: str, grants: Iterable[str]) -> frozenset[str]: ...

    async def around(self, tenant: str, since: datetime, until: datetime) -> list[Mapping[str, Any]]: ...

    async def hours(self, tenant: str, since: datetime) -> dict[int, int]: ...

    async def keep(self, tenant: str, first: int, until: int, judged: Sequence[Judged]) -> None:
        """A batch, all or nothing. UniqueViolation where another process took it."""

    async def again(self, tenant: str, judged: Sequence[Judged]) -> None: ...


class Judging:
    def __init__(self, rows: Rows, projection: PolicyProjection, now: Callable[[], datetime]) -> None:
        self._rows, self._projection, self._now = rows, projection, now
        self._running: dict[str, asyncio.Task[None]] = {}

    async def catch_up(self, tenant: str) -> int:
        """Goes on judging behind the page; how many entries are still to be judged when the page goes out."""
        first, end, uses = await self._rows.span(tenant)
        task = self._running.get(tenant)
        if task is None or task.done():
            if not uses and end - first < LOOKS:
                return 0
            task = self._running[tenant] = asyncio.get_running_loop().create_task(self._run(tenant))
        await asyncio.wait([task], timeout=WAIT_SECONDS)
        return (await self._rows.span(tenant))[2]

    async def all(self, tenant: str) -> None:
        """Returns once everything is judged."""
        while await self._batch(tenant):
            pass

    async def again(self, tenant: str, questions: Mapping[int, Sequence[str]]) -> list[Judged]:
        """Questions, with the marks they have, judged anew by what is known now: work written down later may explain them."""
        accesses = await self._rows.some(tenant, list(questions))
        bursts = {index for index, marks in questions.items() if Mark.BURST in marks}
        searches = {index for index, marks in questions.items() if Mark.SEARCHED in marks}
        judged = await self._judge(tenant, accesses, bursts, searches)
        await self._rows.again(tenant, [j for j in judged if j.explanation or _values(j) != tuple(questions[j.access.index])])
        return [j for j in judged if j.explanation is None]

    async def stop(self) -> None:
        for task in self._running.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, tenant: str) -> None:
        try:
            await self.all(tenant)
        except (StoreUnavailable, Overloaded) as error:
            _log.warning("accesses are not judged just now: %s", type(error).__name__)

    async def _batch(self, tenant: str) -> bool:
        first, end, _ = await self._rows.span(tenant)
        until = min(end, first + BATCH)
        if until <= first:
            return False
        accesses = await self._rows.accesses(tenant, first, until)
        bursts: set[int] = set()
        searches: set[int] = set()
        if accesses:
            since, last = min(a.at for a in accesses), max(a.at for a in accesses)
            bursts, searches = _crowds(await self._rows.around(tenant, since - timedelta(hours=1), last))
        judged = await self._judge(tenant, accesses, bursts, searches, uncounted=accesses)
        with suppress(UniqueViolation):  # another process was faster
            await self._rows.keep(tenant, first, until, judged)
        return until < end

    async def _judge(
        self,
        tenant: str,
        accesses: Sequence[Access],
        bursts: set[int],
        searches: set[int],
        *,
        uncounted: Sequence[Access] = (),
    ) -> list[Judged]:
        """`uncounted`: those that the hours kept do not hold yet; a backlog is judged by its own hours too."""
        if not accesses:
            return []
        clients = sorted({a.client_id for a in accesses})
        since, until = min(a.at for a in accesses), max(a.at for a in accesses)
        policy = await self._projection.policy(tenant)
        work, labels = await self._rows.work(tenant, clients)
        ties = await self._rows.ties(tenant, clients)
        refused = await self._rows.refused(tenant, sorted({a.agent for a in accesses}), since - REFUSED_WITHIN, until)
        justified = await self._rows.justified(tenant, {a.grant for a in accesses if a.grant})
        known = {
            client: Known(
                relationships=policy.client(client).relationships,
                work=tuple(work.get(client, ())),
                ties=ties.get(client, {}),
                refused=refused.get(client, {}),
                answered_grants=justified,
                colleague=not _COLLEAGUE.isdisjoint(labels.get(client, ())),
                watched=not _WATCHED.isdisjoint(labels.get(client, ())),
            )
            for client in clients
        }
        worked = Counter(await self._rows.hours(tenant, until - HOURS_SINCE))
        worked.update(a.at.hour for a in uncounted)
        rare = rare_hours(worked)
        judged: list[Judged] = []
        for place, a in enumerate(accesses):
            if place % BREATH == 0:
                await asyncio.sleep(0)  # permits of the gate go before
            known_of = known[a.client_id]
            flags = {"burst": a.index in bursts, "rare_hour": a.at.hour in rare, "searched": a.index in searches}
            judged.append(judge(a, known_of, **flags))
        return judged


def _values(judged: Judged) -> tuple[str, ...]:
    return tuple(mark.value for mark in judged.marks)


def rare_hours(counted: Mapping[int, int]) -> frozenset[int]:
    """Hours of the day (UTC) with hardly any use; none before enough is known."""
    total = sum(counted.values())
    if total < RARE_LEAST:
        return frozenset()
    return frozenset(h for h in range(24) if counted.get(h, 0) < total * RARE_SHARE)


def _crowds(rows: Sequence[Mapping[str, Any]]) -> tuple[set[int], set[int]]:
    """Indexes of uses that are one of very many clients within the hour before, and of those opened from a search."""
    windows: dict[str, deque[tuple[datetime, str | None, bool]]] = defaultdict(deque)
    bursts: set[int] = set()
    searches: set[int] = set()
    for r in rows:
        window = windows[r["agent"]]
        at = r["at"]
        while window and at - window[0][0] > timedelta(hours=1):
            window.popleft()
        window.append((at, r["client_id"], r["action"] == "search"))
        if len(window) >= BURST and len({client for _, client, _ in window}) >= BURST:
            bursts.add(r["idx"])
        if r["action"] == "read":
            recent = {client for then, client, search in window if search and at - then <= timedelta(minutes=10)}
            if len(recent) >= SEARCHED:
                searches.add(r["idx"])
    return bursts, searches

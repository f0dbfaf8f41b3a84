"""How many questions of each person are open: counted anew for whoever is concerned, in the transaction that concerns them.

The rows are locked by one statement and counted by the next, which then sees what others committed meanwhile: of two
transactions about one person the later one counts both (ADR 0028).
"""

from collections.abc import Iterable
from typing import Final

from shared.eventstore.model import Statement

_LOCK: Final = """INSERT INTO review_open (tenant_id, agent, times, clients)
SELECT $1, agent, 0, 0 FROM unnest($2::text[]) AS agent ORDER BY agent
ON CONFLICT ON CONSTRAINT review_open_pkey DO UPDATE SET times = review_open.times"""
_COUNT: Final = """UPDATE review_open o SET times = n.times, clients = n.clients, first = n.first, last = n.last
FROM (
  SELECT a.agent, count(q.idx) AS times, count(DISTINCT q.client_id) AS clients, min(q.at) AS first, max(q.at) AS last
  FROM unnest($2::text[]) AS a (agent)
  LEFT JOIN review_question q ON q.tenant_id = $1 AND q.agent = a.agent AND q.idx > coalesce(
    (SELECT max(up_to) FROM review_decision d WHERE d.tenant_id = $1 AND d.agent = a.agent), -1)
  GROUP BY a.agent) n
WHERE o.tenant_id = $1 AND o.agent = n.agent"""


def counted(tenant: str, agents: Iterable[str]) -> list[Statement]:
    """To stand behind whatever changed their questions or decisions."""
    concerned = sorted(set(agents))
    return [Statement(sql, (tenant, concerned)) for sql in (_LOCK, _COUNT)] if concerned else []

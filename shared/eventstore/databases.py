"""The logins that a service has at its own database."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`postgresql://` DSNs of one service's database, one for each role that a running service has (infra/postgres/provision.py).

    They carry passwords: `repr` leaves them out. The owner's login is not among them: `python -m infra.migrate` alone has it.
    """

    app: str = field(repr=False)
    """what requests run as"""
    relay: str = field(repr=False)
    """may read and delete outbox rows of every tenant, and nothing else"""

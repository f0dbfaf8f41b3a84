"""Who calls: the claims of a verified token."""

from dataclasses import dataclass

from shared.identity.roles import Role


@dataclass(frozen=True, slots=True)
class Principal:
    sub: str
    tenant: str
    role: Role
    name: str = ""
    client_id: str | None = None
    """the client this person is (role client) or acts for (role representative)"""
    scopes: frozenset[str] = frozenset()
    jti: str = ""
    expires_at: float = 0.0
    """seconds since the epoch"""
    issued_at: float = float("inf")
    """seconds since the epoch; infinite where the token does not say"""
    roles: tuple[Role, ...] = ()
    """every role that the token holds; `role` is the one that is acted in"""

    def __post_init__(self) -> None:
        if not self.roles:
            object.__setattr__(self, "roles", (self.role,))

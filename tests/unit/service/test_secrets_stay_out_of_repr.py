"""What carries a secret can be logged by mistake, or stand in a traceback: its `repr` leaves the secret out."""

from infra.postgres.provision import OwnedDatabase
from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceKeys

PASSWORD = "a-password-of-a-database"


def test_database_urls() -> None:
    made = OwnedDatabase(**{role: f"postgresql://notes_{role}:{PASSWORD}@db/notes" for role in ("owner", "app", "relay")})
    assert PASSWORD in made.owner
    for urls in (made, made.running):
        assert PASSWORD not in f"{urls!r} {urls} {[urls]}"


def test_service_keys() -> None:
    keys = ServiceKeys.from_seed(ServiceName.CONSENT, bytes(32))
    assert repr(keys.secret) not in repr(keys)

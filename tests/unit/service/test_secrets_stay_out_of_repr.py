"""What carries a secret can be logged by mistake, or stand in a traceback: its `repr` leaves the secret out."""

from shared.contracts.records import ServiceName
from shared.identity.service_keys import ServiceKeys
from shared.service.parts import DatabaseUrls

PASSWORD = "a-password-of-a-database"


def test_database_urls() -> None:
    urls = DatabaseUrls(*(f"postgresql://notes_{role}:{PASSWORD}@db/notes" for role in ("owner", "app", "relay")))
    assert PASSWORD in urls.owner
    assert PASSWORD not in f"{urls!r} {urls} {[urls]}"


def test_service_keys() -> None:
    keys = ServiceKeys.from_seed(ServiceName.CONSENT, bytes(32))
    assert repr(keys.secret) not in repr(keys)

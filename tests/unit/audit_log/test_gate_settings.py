"""Settings of the gate, and caps of its jobs."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.audit_log.decision.domain.rules.tables import JOBS
from services.audit_log.gate.application.identity import JobCaps
from services.audit_log.keyring.domain.keys import KeyRotation
from services.audit_log.officers.application.provider import Endpoints, ProviderSettings
from services.audit_log.settings import Settings
from shared.identity.roles import Role
from tests.unit.audit_log.asking import NOW


def test_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.break_glass_roles == {Role.THERAPIST, Role.SUPERVISOR}
    assert settings.release_delay == timedelta(days=7)


def test_what_is_set() -> None:
    env = {"AUDIT_LOG_RELEASE_DELAY_DAYS": "14", "AUDIT_LOG_BREAK_GLASS_ROLES": "supervisor, intake", "AUDIT_LOG_ORIGIN": "a/b"}
    assert Settings.from_environment(env) == Settings(
        release_delay=timedelta(days=14), break_glass_roles=frozenset({Role.SUPERVISOR, Role.INTAKE}), log_origin="a/b"
    )


def test_data_keys_rotate_as_set() -> None:
    found = Settings.from_environment({"AUDIT_LOG_DATA_KEY_DAYS": "90", "AUDIT_LOG_DATA_KEY_RECORDS": "500"}).key_rotation
    assert found == KeyRotation(timedelta(days=90), 500)
    at = NOW - timedelta(days=89)
    assert not found.due(created_at=at, uses=499, now=NOW)
    assert found.due(created_at=at, uses=500, now=NOW) and found.due(created_at=at - timedelta(days=1), uses=0, now=NOW)


ON = {"AUDIT_LOG_SIGN_IN_CLIENT_ID": "review", "OIDC_ISSUER": "https://login.example/realms/clinic"}
"""officers sign in by their identity provider"""


def test_officers_sign_in_by_the_provider_where_a_client_is_named(tmp_path: Path) -> None:
    assert Settings.from_environment({"OIDC_ISSUER": ON["OIDC_ISSUER"]}).sign_in is None
    found = Settings.from_environment(ON).sign_in
    assert found == ProviderSettings(ON["OIDC_ISSUER"], "review")
    (tmp_path / "secret").write_text("a-secret\n")
    urls = {f"AUDIT_LOG_SIGN_IN_{n}_URL": f"https://login.example/{n}" for n in ("AUTHORIZATION", "TOKEN", "LOGOUT")}
    more = {"AUDIT_LOG_SIGN_IN_SECRET_FILE": str(tmp_path / "secret"), "AUDIT_LOG_SIGN_IN_SCOPE": "openid roles"}
    found = Settings.from_environment(ON | urls | more).sign_in
    assert found is not None and found.endpoints == Endpoints(
        "https://login.example/AUTHORIZATION", "https://login.example/TOKEN", "https://login.example/LOGOUT"
    )
    assert (found.client_secret, found.scope) == ("a-secret", "openid roles") and "a-secret" not in repr(found)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"OIDC_ISSUER": "http://login.example"}, "OIDC_ISSUER"),
        ({"OIDC_ISSUER": ""}, "OIDC_ISSUER"),
        ({"PUBLIC_URL": "http://record.example"}, "PUBLIC_URL"),
        ({"AUDIT_LOG_SIGN_IN_TOKEN_URL": "https://login.example/token"}, "both, or neither"),
        ({"AUDIT_LOG_SIGN_IN_AUTHORIZATION_URL": "http://login.example/auth"}, "AUTHORIZATION_URL"),
        ({"AUDIT_LOG_SIGN_IN_SCOPE": "profile"}, "SCOPE"),
        ({"AUDIT_LOG_SIGN_IN_SECRET_FILE": "/nowhere/secret"}, "SECRET_FILE"),
    ],
)
def test_a_provider_that_cannot_be_used_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Settings.from_environment(ON | env)


@pytest.mark.parametrize(
    "env",
    [
        {"AUDIT_LOG_RELEASE_DELAY_DAYS": "0"},
        {"AUDIT_LOG_RELEASE_DELAY_DAYS": "-1"},
        {"AUDIT_LOG_RELEASE_DELAY_DAYS": "a week"},
        {"AUDIT_LOG_BREAK_GLASS_ROLES": "everybody"},
        {"AUDIT_LOG_DATA_KEY_DAYS": "0"},
        {"AUDIT_LOG_DATA_KEY_RECORDS": "many"},
    ],
)
def test_what_cannot_be_used_is_named(env: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(env))):
        Settings.from_environment(env)


def test_a_job_has_so_many_records_a_tenant_and_minute() -> None:
    caps, most = JobCaps(), JOBS["choreography"].per_minute
    minute = NOW.replace(second=0)
    assert caps.take("a", "choreography", most, minute)
    assert not caps.take("a", "choreography", 1, minute + timedelta(seconds=59))
    assert caps.take("b", "choreography", 1, minute)
    assert caps.take("a", "choreography", 1, minute + timedelta(seconds=60))

"""Settings of the gate, and caps of its jobs."""

from datetime import timedelta

import pytest

from services.audit_log.application.identity import JobCaps
from services.audit_log.domain.keys import KeyRotation
from services.audit_log.domain.rules.tables import JOBS
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

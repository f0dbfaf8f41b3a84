"""nginx and the embedded front route by the same table, and every service's own paths lead to it."""

import re
from pathlib import Path

import pytest

from infra.nginx.render import SLOW_SECONDS, render
from infra.routes import ROUTES, service_for
from services.audit_log.reports.adapters.worker_process import JOB_SECONDS
from shared.contracts.records import ServiceName

ROOT = Path(__file__).parents[2]


def test_nginx_is_rendered_from_the_table() -> None:
    written = (ROOT / "infra/nginx/default.conf").read_text()
    assert written == render(), "run: python -m infra.nginx.render > infra/nginx/default.conf"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/v1/consents", ServiceName.CONSENT),
        ("/v1/consents/4/signatures", ServiceName.CONSENT),
        ("/v1/relationships/4/end", ServiceName.CONSENT),
        ("/v1/clients", ServiceName.SESSION_NOTES),
        ("/v1/clients/4", ServiceName.SESSION_NOTES),
        ("/v1/clients/4/alliance/release", ServiceName.ALLIANCE),
        ("/v1/clients/4/outcomes", ServiceName.ALLIANCE),
        ("/v1/clients/4/export", ServiceName.EHR_GATEWAY),
        ("/v1/clients/4/export/notes", ServiceName.SESSION_NOTES),
        ("/v1/clients/4/export/consents", ServiceName.CONSENT),
        ("/v1/clients/4/export/measures", ServiceName.ALLIANCE),
        ("/v1/clients/4/export/access", ServiceName.AUDIT_LOG),
        ("/v1/export-keys", ServiceName.AUDIT_LOG),
        ("/v1/clientsX", ServiceName.EHR_GATEWAY),
        ("/v1/audit/clients/4/access-report", ServiceName.AUDIT_LOG),
        ("/log/clinic/checkpoint", ServiceName.AUDIT_LOG),
        ("/openapi/consent.json", ServiceName.CONSENT),
        ("/fhir/R4/Consent", ServiceName.CONSENT),
        ("/fhir/R4/Consent/4/_history/2", ServiceName.CONSENT),
        ("/fhir/R4/Provenance", ServiceName.CONSENT),
        ("/fhir/R4/Questionnaire/phq-9", ServiceName.ALLIANCE),
        ("/fhir/R4/QuestionnaireX", ServiceName.EHR_GATEWAY),
        ("/fhir/R4/ConsentX", ServiceName.EHR_GATEWAY),
        ("/fhir/R4/AuditEvent", ServiceName.AUDIT_LOG),
        ("/fhir/R4/AuditEvent/4-decision", ServiceName.AUDIT_LOG),
        ("/fhir/R4/metadata", ServiceName.EHR_GATEWAY),
        ("/", ServiceName.EHR_GATEWAY),
    ],
)
def test_each_path_has_its_service(path: str, service: ServiceName) -> None:
    assert service_for(path) is service


def test_what_is_between_services_is_not_passed_on() -> None:
    conf = render()
    for route in ROUTES:
        line = next(line for line in conf.splitlines() if f'"^{route.pattern}"' in line)
        assert ("return 404" in line) == route.internal


def test_nginx_waits_for_reports_as_long_as_they_may_take() -> None:
    assert SLOW_SECONDS >= JOB_SECONDS
    for path in ("/v1/audit/exports/activity", "/v1/audit/verification", "/review/reports/activity"):
        assert service_for(path) is ServiceName.AUDIT_LOG
        first = next(route for route in ROUTES if re.match(route.pattern, path))
        line = next(line for line in render().splitlines() if f'"^{first.pattern}"' in line)
        assert f"proxy_read_timeout {SLOW_SECONDS}s;" in line, path

"""What the deployment keeps under a tenant of its own stands under a name that no token may claim."""

from services.audit_log.ledger.domain.entry import SYSTEM_TENANT
from services.session_notes.downtime.adapters.waiting_table import DEPLOYMENT
from shared.identity.tokens import RESERVED_TENANTS


def test_the_tenants_of_the_deployment_are_reserved() -> None:
    assert SYSTEM_TENANT.startswith(RESERVED_TENANTS) and DEPLOYMENT.startswith(RESERVED_TENANTS)

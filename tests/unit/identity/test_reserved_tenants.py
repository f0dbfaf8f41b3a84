"""What the deployment keeps under a tenant of its own stands under a name that no token may claim."""

import re
from pathlib import Path

from services.audit_log.application.receipts import SYSTEM_TENANT
from services.session_notes.adapters.waiting_table import DEPLOYMENT
from shared.identity.tokens import RESERVED_TENANTS

ROOT = Path(__file__).parents[3]


def test_every_tenant_of_the_deployment_is_reserved() -> None:
    assert SYSTEM_TENANT.startswith(RESERVED_TENANTS) and DEPLOYMENT.startswith(RESERVED_TENANTS)
    named = re.compile(r"^[A-Z_]*(?:TENANT|DEPLOYMENT)[A-Z_]*(?:: Final)? = \"([^\"]+)\"", re.MULTILINE)
    found = {
        name
        for part in ("services", "shared")
        for file in (ROOT / part).rglob("*.py")
        for name in named.findall(file.read_text())
    }
    assert SYSTEM_TENANT in found and all(name.startswith(RESERVED_TENANTS) for name in found)

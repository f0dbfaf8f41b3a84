"""`python -m services.consent`"""

from services.consent.bootstrap import build, gate_only
from services.consent.settings import Settings
from shared.contracts.records import ServiceName
from shared.service.run import main

main(
    ServiceName.CONSENT,
    lambda parts, deployment: build(
        parts,
        Settings.from_environment(deployment.env),
        verify_service=gate_only(parts, deployment.keys, deployment.directory),
    ),
)

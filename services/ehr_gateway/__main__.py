"""`python -m services.ehr_gateway`"""

from services.ehr_gateway.bootstrap import build
from services.ehr_gateway.settings import Settings
from shared.contracts.records import ServiceName
from shared.service.run import main

main(ServiceName.EHR_GATEWAY, lambda parts, deployment: build(parts, Settings.from_environment(deployment.env)), stores=False)

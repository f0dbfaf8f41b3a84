"""`python -m services.alliance_measurement`"""

from services.alliance_measurement.bootstrap import build
from services.alliance_measurement.settings import Settings
from shared.contracts.records import ServiceName
from shared.service.run import main

main(ServiceName.ALLIANCE, lambda parts, deployment: build(parts, Settings.from_environment(deployment.env)))

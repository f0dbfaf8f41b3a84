"""`python -m services.ehr_gateway`. Besides what every service needs it reads

| variable | meaning |
|---|---|
| CONSENT_URL, SESSION_NOTES_URL, ALLIANCE_MEASUREMENT_URL, GATE_URL | addresses of the services whose parts make an export |
"""

from services.ehr_gateway.adapters.http_services import HttpServices
from services.ehr_gateway.bootstrap import EhrGateway, build
from services.ehr_gateway.settings import Settings
from shared.contracts.records import ServiceName
from shared.service.parts import Parts
from shared.service.run import Deployment, main, require

URLS = {
    ServiceName.CONSENT: "CONSENT_URL",
    ServiceName.SESSION_NOTES: "SESSION_NOTES_URL",
    ServiceName.ALLIANCE: "ALLIANCE_MEASUREMENT_URL",
    ServiceName.AUDIT_LOG: "GATE_URL",
}


def wire(parts: Parts, deployment: Deployment) -> EhrGateway:
    urls = {service: require(deployment.env, name).rstrip("/") for service, name in URLS.items()}
    services = HttpServices(urls, ssl=deployment.tls.client_context() if deployment.tls else None)
    return build(parts, services, Settings.from_environment(deployment.env), closing=(services.close,))


main(ServiceName.EHR_GATEWAY, wire, stores=False)

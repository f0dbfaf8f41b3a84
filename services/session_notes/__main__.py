"""`python -m services.session_notes`"""

from services.session_notes.bootstrap import build
from services.session_notes.settings import Settings
from shared.contracts.records import ServiceName
from shared.service.run import main

main(ServiceName.SESSION_NOTES, lambda parts, deployment: build(parts, Settings.from_environment(deployment.env)))

"""A ledger over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from services.audit_log.ledger.api.accounting_suspensions import suspensions_router
from services.audit_log.ledger.api.ledger import ledger_router
from services.audit_log.ledger.api.tlog import tlog_router
from services.audit_log.reports.adapters.worker_process import Disk, WorkerProcesses
from shared.http.app import create_app
from shared.http.cursor import Cursors
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.service import clock
from tests.integration.audit_log.world import Api
from tests.support.http import serving
from tests.support.ledger import open_ledger
from tests.support.postgres import MakeDatabase


@pytest.fixture
async def api(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    urls = await make_database("audit_log")
    issuer = DevelopmentIssuer(bytes(32), clock=clock.seconds, new_id=uuid4)
    tokens = TokenVerifier(StaticKeys(issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds)
    async with open_ledger(urls, tmp_path) as ledger:
        app = create_app("audit_log", "", new_id=uuid4, checks={"ledger": ledger.ready})
        reports = WorkerProcesses(urls.app, tmp_path, ledger.log_vkeys, Disk(tmp_path, 1 << 24))
        app.include_router(ledger_router(ledger, reports, tokens, Cursors(bytes(32)), clock.now))
        app.include_router(suspensions_router(ledger, tokens, clock.now))
        app.include_router(tlog_router(ledger, tokens, clock.now))
        async with serving(app) as base_url, aiohttp.ClientSession() as session:
            yield Api(ledger, base_url, session, issuer)

"""The officers' pages put together, as a part of audit_log."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter

from services.audit_log.accounting.api.handouts import Handouts
from services.audit_log.accounting.application.asking import Asking
from services.audit_log.break_glass.application.reviews import Reviewing
from services.audit_log.decision.application.explanations import Explanations
from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.decision.application.tenant_settings import TenantSettings
from services.audit_log.ledger.api.access import Desk
from services.audit_log.ledger.application.ledger_view import LedgerView
from services.audit_log.ledger.application.reports import Reports
from services.audit_log.ledger.application.turns import Door
from services.audit_log.officers.adapters.attention import Attention
from services.audit_log.officers.adapters.case_table import CaseTable
from services.audit_log.officers.adapters.counts import Counts
from services.audit_log.officers.adapters.entry_search import EntrySearch
from services.audit_log.officers.adapters.identity_provider import IdentityProvider
from services.audit_log.officers.adapters.judgements import Judgements
from services.audit_log.officers.api.accounting import accounting_pages
from services.audit_log.officers.api.law import law_router
from services.audit_log.officers.api.pictures import pictures_router
from services.audit_log.officers.api.provider_sign_in import provider_sign_in_router
from services.audit_log.officers.api.rendering import Rendering
from services.audit_log.officers.api.reports import reports_router
from services.audit_log.officers.api.search import search_router
from services.audit_log.officers.api.signing_in import signing_in_router
from services.audit_log.officers.api.snooping import snooping_router
from services.audit_log.officers.api.strict_readings import strict_readings_router
from services.audit_log.officers.api.surface import Surface
from services.audit_log.officers.api.today import today_router
from services.audit_log.officers.application.attempts import Attempts
from services.audit_log.officers.application.cases import Deciding
from services.audit_log.officers.application.judging import Judging
from services.audit_log.officers.application.provider import ProviderSettings
from services.audit_log.officers.application.today import Gathering, Standings
from services.audit_log.officers.application.verifying import Verifying
from services.audit_log.practice.adapters.practice_table import PracticeTable
from shared.eventstore.store import EventStore
from shared.http.cursor import Cursors
from shared.http.idempotency import Idempotency
from shared.http.page_forms import PageSession
from shared.http.page_session import of_page
from shared.identity.tokens import TokenVerifier
from shared.messaging.signature import EventVerifier

PAGES_AT_ONCE: Final = 3
"""each with a connection of the gate's pool while it reads"""
PAGES_WAITING: Final = 40
PAGES_REST: Final = 2.0
"""so long, by the time that the page took, its place stays empty: pages asked for without a pause leave decisions their time"""


class Review:
    """`routers` go into the service's application."""

    def __init__(
        self,
        ledger: LedgerView,
        store: EventStore,
        reviewing: Reviewing,
        explanations: Explanations,
        projection: PolicyProjection,
        verifier: EventVerifier,
        tokens: TokenVerifier,
        *,
        standings: Standings,
        reports: Reports,
        settings: TenantSettings,
        asking: Asking,
        handouts: Handouts,
        provider: ProviderSettings | None,
        secret: bytes,
        public_url: str,
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        session = PageSession(secret, secure=public_url.startswith("https://"), now=now, random=random)
        self.door = Door(inside=PAGES_AT_ONCE, waiting=PAGES_WAITING, rest=PAGES_REST)
        surface = Surface(Desk(ledger, tokens, now, of_page), session, Rendering(now), self.door)
        self._provider = IdentityProvider(provider) if provider is not None else None
        self._verifying = Verifying(reports)
        self.judging = Judging(Judgements(store), projection, now)
        cases, cursors = CaseTable(store), Cursors(secret)
        deciding = Deciding(cases, self.judging, ledger, now)
        gathering = Gathering(ledger, reviewing, Attention(store), self.judging, cases, asking, standings, now)
        self.routers: tuple[APIRouter, ...] = (
            signing_in_router(surface, tokens, self._provider, public_url),
            today_router(surface, gathering, reviewing, self._verifying, PracticeTable(store).solo, now),
            snooping_router(surface, self.judging, cases, deciding, verifier, cursors, now),
            pictures_router(surface, Counts(store), self.judging, projection, now),
            reports_router(surface, ledger, reports, now),
            accounting_pages(surface, asking, handouts, Idempotency(store, secret)),
            strict_readings_router(surface, projection, now),
            law_router(surface, settings),
            search_router(surface, EntrySearch(store), ledger, reports, explanations, cursors),
        )
        if self._provider is not None:
            attempts = Attempts(secret, now=now, random=random)
            self.routers += (provider_sign_in_router(surface, tokens, self._provider, attempts, public_url),)

    async def start(self) -> None:
        if self._provider is not None:
            await self._provider.start()

    async def stop(self) -> None:
        if self._provider is not None:
            await self._provider.stop()
        await self._verifying.stop()
        await self.judging.stop()

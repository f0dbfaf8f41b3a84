"""A link is exchanged for a device's ticket; the ticket shows the form and sends the answers."""

import hmac
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.alliance_measurement.administrations.application.links import link_closed, link_secret, tenant_of
from services.alliance_measurement.administrations.application.ports import AdministrationDesk, AdministrationRow
from services.alliance_measurement.administrations.domain.administration import is_alliance_rating
from services.alliance_measurement.answering.domain.form import Notice, Question, Words, notice, purpose, questions, seen_by
from services.alliance_measurement.answering.domain.ticket import DEVICE, Ticket, device_digest, issue
from services.alliance_measurement.instruments.domain.instrument import Instrument
from services.alliance_measurement.release.application.ports import ReleaseIndex
from services.alliance_measurement.release.domain.release import Choice
from shared.eventstore.model import Statement
from shared.http.problems import Problem, conflict, unauthenticated


class Devices(Protocol):
    """The one device that each link was opened on."""

    async def of(self, tenant: str, administration_id: UUID) -> str | None:
        """Its digest; None where the link was not opened yet."""

    def row(self, tenant: str, administration_id: UUID, client_id: UUID, device: str) -> Statement:
        """Binds the link to a device where it is bound to none."""


@dataclass(frozen=True, slots=True)
class Answering:
    desk: AdministrationDesk
    devices: Devices
    choices: ReleaseIndex


@dataclass(frozen=True, slots=True)
class Form:
    instrument: Instrument
    questions: tuple[Question, ...]
    purpose: str
    seen_by: list[str]
    notice: Notice | None


async def exchange(answering: Answering, administration_id: UUID, link: str, device: str) -> str:
    """A ticket for the device that opens the link first, and for no other. Problem 401 for a secret that is not this link's, 409
    where it was answered or opened on another device, 410 where it has ended."""
    desk = answering.desk
    tenant = tenant_of(link)
    if tenant is None or not DEVICE.fullmatch(device):
        raise _unknown()
    if not hmac.compare_digest(link, link_secret(desk.parts.secret, tenant, administration_id)):
        raise _unknown()
    row = await desk.index.administration(tenant, administration_id)
    if row is None:
        raise _unknown()
    _open(answering, row)
    mine = device_digest(device)
    if await answering.devices.of(tenant, administration_id) is None:
        await desk.store.append(tenant, (), statements=(answering.devices.row(tenant, row.id, row.client_id, mine),))
    if await answering.devices.of(tenant, administration_id) != mine:
        raise conflict("This link was opened on another device: ask for a new one.")
    return issue(desk.parts.secret, tenant, administration_id, mine, desk.parts.now())


async def form_of(answering: Answering, administration_id: UUID, ticket: Ticket, words: Words) -> Form:
    """What a device with a ticket is shown. Problem 409 or 410 as for `exchange`."""
    desk = answering.desk
    row = await desk.index.administration(ticket.tenant, administration_id)
    if row is None or await answering.devices.of(ticket.tenant, administration_id) != ticket.device:
        raise _unknown()
    _open(answering, row)
    instrument = desk.catalogue.enabled(row.instrument)
    if instrument is None:
        raise conflict("This instrument was disabled after the administration was asked for: ask for another one.")
    stored = await answering.choices.choice(ticket.tenant, row.client_id)
    own = is_alliance_rating(instrument, row.rater)
    settings = await desk.risks.settings(ticket.tenant)
    return Form(
        instrument,
        questions(instrument),
        purpose(instrument, words),
        seen_by(instrument, own, stored.choice if stored is not None else Choice(), words),
        notice(instrument, settings, words),
    )


def _open(answering: Answering, row: AdministrationRow) -> None:
    if row.answered_at is not None:
        raise conflict("This questionnaire was answered: there is nothing left to do.")
    closed = link_closed(row, answering.desk.parts.now(), answering.desk.link_lasts)
    if closed is not None:
        raise closed


def _unknown() -> Problem:
    return unauthenticated("This is not an answering link: ask for a new one.")

"""The page on the phone, as far as no browser is needed: its ticket, its limits, its words."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from uuid import uuid4

import pytest

from services.alliance_measurement.administrations.application.links import link_closed
from services.alliance_measurement.administrations.application.ports import AdministrationRow
from services.alliance_measurement.answering.application.limits import Limits
from services.alliance_measurement.answering.domain.form import language, notice, questions, seen_by
from services.alliance_measurement.answering.domain.ticket import LASTS, device_digest, issue, read
from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.domain.instrument import Instrument, Rater
from services.alliance_measurement.release.domain.release import Choice
from services.alliance_measurement.risk.domain.risk import RiskSettings
from shared.contracts.disclosure import ReleaseAudience
from shared.http.problems import Problem

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SECRET = bytes(32)
HOME = Path(__file__).parents[3] / "services/alliance_measurement/answering"
CATALOGUES = {p.stem: json.loads(p.read_text()) for p in (HOME / "catalogues").glob("*.json")}


def instrument(name: str) -> Instrument:
    found = load().enabled(name)
    assert found is not None
    return found


def test_a_ticket_holds_for_its_questionnaire_its_device_and_half_an_hour() -> None:
    about, device = uuid4(), device_digest("d" * 43)
    ticket = issue(SECRET, "clinic", about, device, NOW)
    found = read(SECRET, about, ticket, NOW)
    assert found is not None and (found.tenant, found.device) == ("clinic", device)
    assert read(SECRET, about, ticket, NOW + LASTS) is None
    assert read(SECRET, uuid4(), ticket, NOW) is None
    assert read(bytes([1]) * 32, about, ticket, NOW) is None
    tenant, until, of, tag = ticket.split("~")
    for changed in (("other", until, of, tag), (tenant, str(int(until) + 1), of, tag), (tenant, until, "0" * 64, tag)):
        assert read(SECRET, about, "~".join(changed), NOW) is None
    for nonsense in (None, "", "~~~", ticket[:-1], ticket + "~"):
        assert read(SECRET, about, nonsense, NOW) is None


def test_a_link_ends_a_week_after_it_was_asked_for() -> None:
    row = AdministrationRow(uuid4(), 1, uuid4(), "phq-9", Rater.CLIENT, None, NOW, None)
    week = timedelta(days=7)
    assert link_closed(row, NOW + week - timedelta(seconds=1), week) is None
    closed = link_closed(row, NOW + week, week)
    assert closed is not None and closed.status == 410


async def test_the_front_lets_so_many_in_and_no_more() -> None:
    now = [NOW]
    limits = Limits(lambda: now[0], at_once=2, a_minute=3)
    async with limits.inside("a"), limits.inside("b"):
        with pytest.raises(Problem) as full:
            async with limits.inside("c"):
                pass
        assert full.value.status == 503 and "Retry-After" in full.value.headers
    for _ in range(2):
        async with limits.inside("a"):
            pass
    with pytest.raises(Problem) as often:
        async with limits.inside("a"):
            pass
    assert often.value.status == 429
    async with limits.inside("b"):  # another questionnaire is not kept waiting
        pass
    now[0] += timedelta(minutes=1)
    async with limits.inside("a"):
        pass


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("de-CH, en;q=0.5", "de"),
        ("fr, de;q=0.2, en;q=0.9", "en"),
        ("fr", "en"),
        ("", "en"),
        ("de;q=nonsense, en", "en"),
    ],
)
def test_the_frame_speaks_the_language_that_is_asked_for(accepted: str, wanted: str) -> None:
    assert language(accepted, CATALOGUES) == wanted


def test_catalogues_say_the_same_things_with_the_same_values() -> None:
    def values(text: str) -> list[str]:
        return sorted(name for _, name, _, _ in Formatter().parse(text) if name)

    first = CATALOGUES["en"]
    for name, words in CATALOGUES.items():
        assert words.keys() == first.keys(), name
        assert all(values(words[key]) == values(first[key]) for key in first), name


def test_every_word_of_the_catalogue_is_used() -> None:
    sources = [*(HOME / "templates").iterdir(), HOME / "domain/form.py"]
    used = "".join(p.read_text() for p in sources)
    built = ("fault_", "told_", "therapist_", "supervisor_")
    named = {key for key in CATALOGUES["en"] if not key.startswith(built)}
    assert not {key for key in named if not re.search(rf"\b{key}\b", used)}


def test_a_client_reads_who_will_see_their_ratings_as_they_chose() -> None:
    words, choice = CATALOGUES["en"], Choice(ReleaseAudience.WITHHELD, ReleaseAudience.IMMEDIATE)
    told = seen_by(instrument("wai-sr"), True, choice, words)
    assert told[0] == words["therapist_withheld"] and told[1] == words["supervisor_shown"]
    assert seen_by(instrument("phq-9"), False, choice, words) == [words["seen_by_team"]]
    for audience in ReleaseAudience:
        assert f"therapist_{audience}" in words


def test_the_notice_stands_before_instruments_that_ask_about_danger_and_no_others() -> None:
    words = CATALOGUES["de"]
    told = notice(instrument("phq-9"), RiskSettings(on_call=("nurse",), escalate_after_minutes=20), words)
    assert told is not None and told.order[0] == words["told_on_call"] and "20 Minuten" in told.when and told.call
    assert notice(instrument("wai-sr"), RiskSettings(), words) is None


def test_questions_follow_the_scale_with_and_without_text() -> None:
    phq, wai, srs = (questions(instrument(name)) for name in ("phq-9", "wai-sr", "srs"))
    assert phq[0].options[0].label == "Not at all" and [o.value for o in phq[0].options] == [0, 1, 2, 3]
    assert wai[0].text is None and [(o.value, o.label) for o in wai[0].options] == [(n, None) for n in range(1, 6)]
    assert srs[0].options == ()

"""One clinic and a browser for all tests of pages."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.clinic import Clinic, opened
from tests.support.browser import Watched, browsing, launched, needed
from tests.support.postgres import Postgres

Browse = Callable[..., Awaitable[Watched]]
Picture = Callable[..., Awaitable[None]]


@pytest.fixture(scope="package")
async def clinic(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    needed()
    async with opened(postgres, tmp_path_factory.mktemp("clinic")) as running:
        yield running


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as running:
        yield running


@pytest.fixture
async def browse(browser: Browser) -> AsyncIterator[Browse]:
    """`await browse(width=360, dark=True)`: a browser of its own; what it complained of fails the test."""
    async with AsyncExitStack() as stack:
        made: list[Watched] = []

        async def open_one(**how: int | bool) -> Watched:
            watched = await stack.enter_async_context(browsing(browser, **how))  # type: ignore[arg-type]
            made.append(watched)
            return watched

        yield open_one
        for watched in made:
            assert watched.complaints == [], watched.page.url


@pytest.fixture
def picture() -> Picture:
    """Keeps a screenshot where REVIEW_PICTURES names a folder (`make pictures`)."""
    folder = os.environ.get("REVIEW_PICTURES")

    async def take(watched: Watched, name: str, *, whole: bool = True) -> None:
        if folder:
            await watched.page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)

    return take


async def signed_in(watched: Watched, clinic: Clinic) -> None:
    """By a sign-in link, as the embedded run prints it."""
    await watched.page.goto(f"{clinic.url}/review/sign-in#token={clinic.officer()}")
    await watched.page.wait_for_url(f"{clinic.url}/review/")


async def sound(watched: Watched, name: str) -> None:
    """No violation of accessibility, nothing wider than the window."""
    assert await watched.violations() == [], name
    assert await watched.widest() <= 0, name

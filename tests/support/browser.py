"""A real Chromium for the tests of pages: the installed one, driven by Playwright, with a fresh profile for each test."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import axe_playwright_python
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response, async_playwright

from tests.support import environment

MISSING: Final = "Chromium: apt-get install chromium, or set CHROMIUM to its path"
FLAGS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium() -> str | None:
    """Path of an installed Chromium."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def needed() -> str:
    """The Chromium, or the test is not run and says so; in CI that is a failure."""
    found = chromium()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"needs {MISSING}")
        environment.not_run["pages in a browser"] = MISSING
        pytest.skip(f"needs {MISSING}")
    return found


@dataclass
class Watched:
    """A page, and whatever its console or its policy complained of."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    async def violations(self) -> list[str]:
        """What axe-core finds, as `rule: selector …`."""
        await self.page.evaluate(_AXE)
        found = await self.page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", _TAGS)
        return [f"{v['id']}: {' | '.join(str(n['target'][0]) for n in v['nodes'])}" for v in found["violations"]]

    async def widest(self) -> int:
        """Pixels that the content is wider than the window."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """One Chromium with a fresh user-data folder."""
    path = needed()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS), timeout=60_000)
        environment.used["browser"] = f"Chromium {browser.version}"
        yield browser
        await browser.close()


@asynccontextmanager
async def browsing(
    browser: Browser, *, width: int = 1280, height: int = 900, dark: bool = False, scripts: bool = True
) -> AsyncIterator[Watched]:
    """A profile of its own: no cookie and no storage of another test."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(20_000)
        watched = Watched(page, context)
        page.on("console", lambda m: _console(watched, m))
        page.on("pageerror", lambda e: watched.complaints.append(f"error: {e}"))
        page.on("response", lambda r: _response(watched, r))
        yield watched
    finally:
        await context.close()


def _console(watched: Watched, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        watched.complaints.append(f"{message.type}: {message.text}")


def _response(watched: Watched, response: Response) -> None:
    if response.status >= 500:
        watched.complaints.append(f"{response.status}: {response.url}")

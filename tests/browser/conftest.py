"""The built site on a local port, and a browser that tells on every page it opens."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from checker.authoring.testing import find_browser
from checker.errors import LabError
from checker.site import build, serve
from tests.browser.watching import Site, Watch, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
_ARGUMENTS = [
    # The tests may run as root in a container, where Chromium's own sandbox cannot start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Build the pages, strictly, and serve them by the course's own server."""
    html = tmp_path_factory.mktemp("site") / "html"
    try:
        build.run_mkdocs(ROOT, html, strict=True)
    except LabError as error:
        pytest.fail(f"{error.what}\n{error.detail}")
    pages = sorted(path.parent.relative_to(html).as_posix() + "/" for path in html.rglob("index.html"))
    with serve.listen(html, run="browser-tests") as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield Site(
            f"http://127.0.0.1:{server.server_port}/",
            tuple("" if page == "./" else page for page in pages),
            html,
        )
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    found = find_browser()
    if not found:
        pytest.fail("These tests need Chromium; `./lab test browser` installs it where it can.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Return what opens a page of the site in a window of a given width and colour scheme, or on a touch screen.

    At the end of the test nothing may have been noted.
    """
    made: list[tuple[BrowserContext, Watch]] = []

    def open_page(address: str, *, width: int = 1280, scheme: str = "light", touch: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            has_touch=touch,
            is_mobile=touch,
        )
        made.append((context, watch(context, site)))
        page = context.new_page()
        page.goto(site.url + address, wait_until="load")
        return page

    yield open_page
    complaints = []
    for context, noted in made:
        context.close()
        complaints += noted.complaints
    assert not complaints, "\n".join(complaints)

"""What a page did that it should not have done, noted while it is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page, Request


@dataclass(frozen=True)
class Site:
    """The site as it is served to the browser."""

    url: str
    pages: tuple[str, ...]
    """Every page's address below `url`: "", "lessons/", …"""
    folder: Path | None = None
    """The built pages, if they are the course's own."""


@dataclass
class Watch:
    """What a page did that it should not have done."""

    complaints: list[str] = field(default_factory=list)


def watch(context: BrowserContext, site: Site) -> Watch:
    """Note console errors, uncaught exceptions, failed requests, and requests to other hosts."""
    noted = Watch()
    home = urlsplit(site.url).netloc

    def on_request(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in {"data", "blob"} and parts.netloc != home:
            noted.complaints.append(f"asked another host: {address}")

    def on_page(page: Page) -> None:
        page.on("console", lambda message: _note(noted, message.type, message.text))
        page.on("pageerror", lambda error: noted.complaints.append(f"uncaught: {error}"))

    context.on("request", lambda request: on_request(request.url))
    context.on("requestfailed", lambda request: _note_failed(noted, request))
    context.on(
        "response",
        lambda response: (
            noted.complaints.append(f"{response.status}: {response.url}") if response.status >= 400 else None
        ),
    )
    context.on("page", on_page)
    return noted


def _note(noted: Watch, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        noted.complaints.append(f"console {kind}: {text}")


def _note_failed(noted: Watch, request: Request) -> None:
    # What is still under way when a reader moves on is given up; that is not a fault.
    if request.failure != "net::ERR_ABORTED":
        noted.complaints.append(f"failed: {request.url} {request.failure}")

"""The live page as `lab open` brings it, in a browser, with a real lab behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from checker.live import server
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from checker.engine.api import Engine


@dataclass
class Learner:
    """A person with a checkout, an engine, and a browser."""

    browser: Browser
    home: Path
    contexts: list[BrowserContext] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of their commands."""
        return os.environ | {
            "DRYDOCK_STATE": str(self.home / "state"),
            "DRYDOCK_WORK": str(self.home / "work"),
        }

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command of the course."""
        return subprocess.run(
            [sys.executable, "-m", "checker", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def address(self, lab: str = "1") -> str:
        """Return what `lab open` prints."""
        done = self.lab("open", lab, "--print")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def context(self, **options: Any) -> BrowserContext:
        """Return a browser without history, whose errors are noted."""
        made = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.contexts.append(made)
        made.on("page", self._note)
        return made

    def _note(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, lab: str = "1", **options: Any) -> Page:
        """Open a lesson in a new browser."""
        page = self.context(**options).new_page()
        page.goto(self.address(lab), wait_until="load")
        return page

    @property
    def record(self) -> dict[str, Any]:
        """What the running service wrote about itself."""
        found: dict[str, Any] = json.loads((self.home / "state/live/server.json").read_text())
        return found


# The parameter is in the name of each test: what works on a lab must not run beside other tests that do.
@pytest.fixture(params=["lab 01"])
def learner(
    browser: Browser, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Learner]:
    """A learner at the beginning of the course; nothing of theirs runs afterwards."""
    found = Learner(browser, tmp_path)
    yield found
    for context in found.contexts:
        context.close()
    found.lab("stop", request.param.removeprefix("lab "))
    found.lab("down")
    assert found.errors == []


__all__ = ["Learner", "server"]

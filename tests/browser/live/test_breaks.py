"""What breaks under an open page, and comes back: the service, the engine, the machine's sleep."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from checker.engine.endpoint import find_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.browser.live.conftest import Learner

expect.set_options(timeout=60_000)


class Door:
    """The engine's socket through a door that can be shut."""

    def __init__(self, path: Path, engine: str) -> None:
        self.path, self._engine = path, engine
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []

    def open(self) -> None:
        """Let everybody through."""
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(64)
        threading.Thread(target=self._serve, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """Send everybody away, as an engine that stops does."""
        assert self._listening
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.path.unlink(missing_ok=True)
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open = []

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inner, _ = listening.accept()
                outer = socket.socket(socket.AF_UNIX)
                outer.connect(self._engine)
                self._open += [inner, outer]
                for one, other in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door before the engine, for everything that the learner types."""
    host = find_endpoint().host
    if not host.startswith("unix://"):
        pytest.skip("the engine of this machine is not reached by a Unix socket")
    found = Door(tmp_path / "engine", host.removeprefix("unix://"))
    found.open()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{found.path}")
    yield found
    monkeypatch.undo()


def test_a_service_that_was_killed_and_started_again_takes_up_the_open_page(learner: Learner) -> None:
    assert learner.lab("start", "1").returncode == 0
    page = learner.open("1")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail.locator(".dock-count")).to_have_text("0 of 8")
    page.get_by_role("button", name="Terminal", exact=True).click()
    expect(page.locator(".xterm-rows")).to_contain_text("lab 01")
    os.kill(learner.record["pid"], signal.SIGKILL)
    expect(rail.locator(".dock-lost")).to_contain_text(re.compile(r"Not live since \d"))
    expect(page.locator(".dock-terminal-status")).to_have_text("The connection is lost; trying again.")
    learner.address()
    expect(rail.locator(".dock-lost")).to_be_hidden()
    expect(page.locator(".dock-terminal-status")).to_be_empty()
    page.get_by_role("button", name="Run in the terminal: docker port practice").click()
    expect(page.locator(".dock-ran[data-state]").first).to_contain_text("Run")


def test_a_service_that_sleeps_for_a_while_is_followed_again(learner: Learner) -> None:
    learner.lab("start", "1")
    page = learner.open("1")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail.locator(".dock-count")).to_have_text("0 of 8")
    pid = learner.record["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(rail.locator(".dock-lost")).to_contain_text("Not live since", timeout=90_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(rail.locator(".dock-lost")).to_be_hidden()
    rail.get_by_role("button", name="Check").click()
    expect(page.locator("#dock-announcer")).to_contain_text("Lab 1: 0 of 8 checks pass. Failed:")


def test_an_engine_that_goes_away_is_not_the_learners_fault_and_its_return_is_seen(
    door: Door, learner: Learner
) -> None:
    learner.lab("start", "1")
    page = learner.open("1")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail.locator(".dock-phase")).to_contain_text("Running")
    door.shut()
    expect(rail.locator(".dock-phase")).to_contain_text("Needs attention")
    expect(rail.locator(".dock-phase")).to_contain_text("engine")
    door.open()
    expect(rail.locator(".dock-phase")).to_contain_text("Running")
    expect(rail.locator(".dock-count")).to_have_text("0 of 8")


def test_after_lab_down_an_open_page_says_that_it_is_not_live(learner: Learner) -> None:
    page = learner.open("1")
    rail = page.get_by_role("region", name="Lab 01").first
    expect(rail.locator(".dock-phase")).to_contain_text("Not started")
    learner.lab("down")
    expect(rail.locator(".dock-lost")).to_contain_text("lab check 1")

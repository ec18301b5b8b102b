"""The terminal: a shell in a container that a page can leave and come back to, and that a flood of output does not drown."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from checker.engine.shell import Shell
from checker.grading.author import wait_until
from checker.live.terminal import HIGH_BYTES, KEPT_BYTES, NotAtPromptError, Terminal
from checker.scene import typed
from tests.conftest import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.engine.api import Engine
    from checker.session.session import Session


@pytest.fixture
def container(run: Callable[..., str]) -> str:
    """A container with the tools of a toolbox."""
    return run(TOOLS, "sleep", "1000")


@pytest.fixture
def terminal(engine: Engine, container: str) -> Iterator[Terminal]:
    """A terminal in it, at its prompt."""
    session = cast("Session", SimpleNamespace(engine=engine))
    made = Terminal(session, container, "/tmp", 80, 24, lambda: None)  # noqa: S108 - in the container
    assert wait_until(lambda: made.at_prompt, 30)
    yield made
    made.end()


def shown(terminal: Terminal) -> str:
    return terminal.since(0).decode(errors="replace")


def test_what_is_typed_runs_in_the_container_and_nowhere_else(
    engine: Engine, terminal: Terminal, container: str
) -> None:
    terminal.send(b"hostname; pwd\r")
    assert wait_until(lambda: container[:12] in shown(terminal) and "/tmp" in shown(terminal), 20)  # noqa: S108


def test_a_command_of_the_course_is_shown_and_its_status_comes_back(terminal: Terminal) -> None:
    terminal.run("b1", "echo one \\\n  two\nfalse")
    assert wait_until(lambda: ("b1", 1) in terminal.statuses(), 20)
    assert "one two" in shown(terminal)


def test_the_one_who_follows_the_lab_hears_of_every_command_that_ends(engine: Engine, container: str) -> None:
    session, ended = cast("Session", SimpleNamespace(engine=engine)), []
    made = Terminal(session, container, "/tmp", 80, 24, lambda: None, lambda: ended.append(True))  # noqa: S108
    try:
        assert wait_until(lambda: made.at_prompt, 30)
        before = len(ended)
        made.send(b"true\r")
        assert wait_until(lambda: len(ended) > before, 20)
    finally:
        made.end()


def test_nothing_is_typed_into_a_program_that_runs(terminal: Terminal) -> None:
    terminal.send(b"cat\r")
    assert wait_until(lambda: not terminal.at_prompt, 20)
    with pytest.raises(NotAtPromptError):
        terminal.run("b1", "rm -rf /tmp/x")
    assert "rm -rf" not in shown(terminal)
    terminal.send(b"\x03")
    assert wait_until(lambda: terminal.at_prompt, 20)


def test_a_command_of_the_course_takes_the_place_of_what_is_typed_and_not_entered(terminal: Terminal) -> None:
    terminal.send(b"echo half")
    assert wait_until(lambda: "echo half" in shown(terminal), 20)
    terminal.run("b1", "echo whole")
    assert wait_until(lambda: ("b1", 0) in terminal.statuses(), 20)
    assert "\x07whole\r\n" in shown(terminal)


def test_nothing_is_typed_into_a_quote_that_is_open(terminal: Terminal) -> None:
    terminal.send(b"echo 'open\r")
    assert wait_until(lambda: not terminal.at_prompt, 20)
    with pytest.raises(NotAtPromptError):
        terminal.run("b1", "rm -rf /tmp/x")
    terminal.send(b"\x03")
    assert wait_until(lambda: terminal.at_prompt, 20)


def test_what_is_typed_and_what_is_run_is_recorded_for_handing_in(
    engine: Engine, terminal: Terminal, container: str
) -> None:
    terminal.send(b"true typed\r")
    assert wait_until(lambda: len(terminal.statuses()) > 1, 20)
    terminal.run("b1", "true \\\n  run")
    assert wait_until(lambda: ("b1", 0) in terminal.statuses(), 20)
    with Shell(engine, container) as shell:
        assert wait_until(lambda: "run" in shell.run(f"cat {typed.FILE}").stdout, 20)
        recorded = typed.parse(shell.run(f"cat {typed.FILE}").stdout)
    assert [" ".join(each.text.replace("\\\n", "").split()) for each in recorded] == [
        "true typed",
        "true run",
    ]


def test_a_flood_waits_for_the_page_and_ctrl_c_ends_it(terminal: Terminal) -> None:
    begin = terminal.attach(0)
    terminal.send(b"yes\r")
    assert wait_until(lambda: terminal.seq - begin > HIGH_BYTES, 20)
    # The page shows nothing, so no more is read than fits.
    assert not wait_until(lambda: terminal.seq - begin > HIGH_BYTES + 64 * 1024, 2)
    assert terminal.seq - begin < HIGH_BYTES + 64 * 1024
    terminal.send(b"\x03")

    def at_prompt() -> bool:
        terminal.acknowledge(terminal.seq)
        return terminal.at_prompt

    assert wait_until(at_prompt, 20)
    assert len(terminal.since(0)) <= KEPT_BYTES + 16384


def test_a_page_that_comes_back_gets_what_it_missed(terminal: Terminal) -> None:
    terminal.attach(0)
    seen = terminal.seq
    terminal.detach()
    terminal.send(b"echo missed; seq 3\r")
    assert wait_until(lambda: "1\r\n2\r\n3" in shown(terminal), 20)
    assert terminal.attach(seen) == seen
    assert b"missed" in terminal.since(seen)


def test_its_size_is_what_the_page_says(terminal: Terminal) -> None:
    terminal.resize(300, 50)
    terminal.send(b"stty size\r")
    assert wait_until(lambda: "50 300" in shown(terminal), 20)


def test_a_megabyte_arrives_whole(terminal: Terminal) -> None:
    seq = terminal.attach(0)
    terminal.send(b"head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the'' end\r")
    got = b""
    deadline = time.monotonic() + 60
    while b"the end\r\n" not in got[-4000:] and time.monotonic() < deadline:
        data = terminal.since(seq)
        got += data
        seq += len(data)
        terminal.acknowledge(seq)
    assert got.count(b"x") >= 1_000_000


def test_what_it_started_ends_with_it(engine: Engine, terminal: Terminal, container: str) -> None:
    terminal.send(b"sleep 4321 & \r")
    shell = Shell(engine, container)
    find = "ps -eo args | grep '[s]leep 4321'"
    assert wait_until(lambda: shell.run(find).rc == 0, 20)
    terminal.end()
    assert wait_until(lambda: shell.run(find).rc != 0, 20)
    shell.close()

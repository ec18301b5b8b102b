"""Shells in containers, closed at the end of a test, and a look at a container's processes from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.engine.api import Engine


@pytest.fixture
def open_shell(engine: Engine) -> Iterator[Callable[..., Shell]]:
    """Give a function that opens a shell in a container."""
    opened: list[Shell] = []

    def open_one(container: str, user: str | None = None) -> Shell:
        opened.append(Shell(engine, container, user))
        return opened[-1]

    yield open_one
    for shell in opened:
        shell.close()


@pytest.fixture
def container(run: Callable[..., str]) -> str:
    """Give a running container with every tool."""
    return run()


@pytest.fixture
def shell(container: str, open_shell: Callable[..., Shell]) -> Shell:
    """Give a shell in it, open: on a busy machine that alone takes longer than the limits of some tests."""
    shell = open_shell(container)
    shell.open()
    return shell


@pytest.fixture
def processes(engine: Engine) -> Callable[[str], list[str]]:
    """Give a function that lists the command lines of a container's processes, the idle ones left out."""

    def look(container: str) -> list[str]:
        found = engine.get(f"/containers/{container}/top", ps_args="-eo pid,args")["Processes"]
        idle = ("sleep infinity", "/sbin/docker-init", "[")
        return [line[1] for line in found if not line[1].startswith(idle)]

    return look

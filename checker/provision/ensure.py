"""From any machine to an engine that answers: use it, start it, or install it, in this order."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from checker.engine.client import find_client
from checker.engine.endpoint import Endpoint, EngineNotFoundError, find_endpoint
from checker.engine.platform import Platform, Reach, System
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.provision.install import Plan

START_SECONDS = 120.0


def ensure_engine(
    state: Path,
    *,
    no_install: bool = False,
    confirm: Callable[[str], bool] = lambda _question: False,
    progress: Callable[[str], None] = lambda _line: None,
    platform: Platform | None = None,
) -> Endpoint:
    """Return the engine to use, with a docker command that works with it; install or start what is missing.

    An engine that the user named (DOCKER_HOST, a context) is used or reported, never replaced. Packages are installed
    only on Debian and Ubuntu; on other systems, the error says what to install.

    Args:
        state: the state folder; the log and pid of an engine that we start are kept in its `engine/`.
        no_install: start what is installed, but install nothing.
        confirm: asks a person (called only if there is a terminal) and returns whether they agree.
        progress: called with a line about what is being done.
        platform: this machine.

    Raises:
        EngineError: there is no engine; the message says what to do.
    """
    platform = platform or Platform()

    def install_missing(error: EngineError, *, idle: bool) -> None:
        _install_missing(
            platform, error, idle=idle, no_install=no_install, confirm=confirm, progress=progress
        )

    try:
        endpoint = find_endpoint(platform)
    except EngineNotFoundError as error:
        if error.chosen or error.reach is Reach.DENIED or platform.system is not System.LINUX:
            raise
        present = platform.which("dockerd") is not None
        if not present or (platform.is_root and not no_install and _is_outdated(platform)):
            install_missing(error, idle=True)
        _start(platform, state / "engine", confirm, progress)
        endpoint = _find_again(platform)
    try:
        find_client(endpoint, platform=platform, state=state)
    except EngineError as error:
        if platform.system is not System.LINUX or not endpoint.is_local:
            raise
        install_missing(error, idle=False)
        find_client(endpoint, platform=platform, state=state, fresh=True)
    return endpoint


def _install_missing(
    platform: Platform,
    error: EngineError,
    *,
    idle: bool,
    no_install: bool,
    confirm: Callable[[str], bool],
    progress: Callable[[str], None],
) -> None:
    """Install the packages that the engine or its client lacks.

    Args:
        platform: this machine.
        error: what shows that something is missing; raised again if no package would help.
        idle: whether no engine runs, so that a newer one disturbs nobody.
        no_install: install nothing.
        confirm: asks a person.
        progress: called with a line about what is being done.
    """
    plan = _plan(platform)
    if plan is None or not plan.packages:
        raise error
    from checker.provision.install import install  # noqa: PLC0415 - Linux alone has what it imports

    plan = replace(plan, replaces=plan.replaces and not idle)
    install(platform, plan, no_install=no_install, confirm=confirm, progress=progress)


def engine_stop(state: Path, *, platform: Platform | None = None) -> bool:
    """Stop the engine if `ensure_engine` started it without systemd; return whether it was stopped."""
    platform = platform or Platform()
    if platform.system is not System.LINUX:
        return False
    from checker.provision.daemon import Daemon  # noqa: PLC0415 - Linux alone has what it imports

    daemon = Daemon(state / "engine")
    if daemon.running() is None or platform.is_root:
        return daemon.stop()
    _as_root(["stop", str(daemon.folder)])
    return True


def _plan(platform: Platform) -> Plan | None:
    from checker.provision.install import make_plan  # noqa: PLC0415 - Linux alone has what it imports

    return make_plan(platform)


def _is_outdated(platform: Platform) -> bool:
    """Whether the distribution's engine is installed, but without the other packages that the course needs."""
    plan = _plan(platform)
    return plan is not None and plan.replaces


def _find_again(platform: Platform) -> Endpoint:
    """Return the engine that was started; a user who has just joined its group cannot use it yet."""
    try:
        return find_endpoint(platform)
    except EngineNotFoundError as error:
        if error.reach is not Reach.DENIED:
            raise
        raise EngineError(
            "The container engine is running, but this terminal does not know yet that you are in the group docker.",
            remedy="Log out and in again, or run `newgrp docker`. Then run the same command again.",
        ) from error


def _start(
    platform: Platform, folder: Path, confirm: Callable[[str], bool], progress: Callable[[str], None]
) -> None:
    """Start the installed engine: with systemd if it runs here, otherwise ourselves."""
    if platform.which("dockerd") is None:
        raise EngineError(
            "The engine's packages are installed, but there is no dockerd.", remedy="Reinstall docker.io."
        )
    if not platform.is_root:
        question = "The container engine is not running. Start it now, with sudo?"
        if platform.which("sudo") is None or not platform.has_terminal or not confirm(question):
            raise EngineError("The container engine is not running.", remedy=_start_by_hand(platform))
    if platform.has_systemd:
        progress("Starting the container engine (systemctl start docker)")
        _run([*_sudo(platform), "systemctl", "start", "docker"])
    elif platform.is_root:
        from checker.provision.daemon import Daemon  # noqa: PLC0415 - Linux alone has what it imports

        Daemon(folder).start(progress, platform=platform)
    else:
        progress("Starting the container engine (dockerd, with sudo)")
        folder.mkdir(parents=True, exist_ok=True)
        _as_root(["start", str(folder)])


def _sudo(platform: Platform) -> list[str]:
    return [] if platform.is_root else ["sudo", "--"]


def _start_by_hand(platform: Platform) -> str:
    command = "sudo systemctl start docker" if platform.has_systemd else "sudo ./lab up"
    return f"Start it (`{command}`), and try again."


def _as_root(arguments: list[str]) -> None:
    root = Path(__file__).parents[2]
    environ = f"PYTHONPATH={root}{os.pathsep}{os.pathsep.join(sys.path)}"
    _run(["sudo", "--", "env", environ, sys.executable, "-P", "-m", "checker.provision.daemon", *arguments])


def _run(command: list[str]) -> None:
    """Run a command that may ask for a password on the terminal."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(
            f"`{' '.join(command)}` failed: {error}", remedy="Run it yourself, and try again."
        ) from error
    if done.returncode != 0:
        raise EngineError(
            f"`{' '.join(command)}` failed (exit code {done.returncode}).",
            remedy="Read `systemctl status docker` and `journalctl -u docker`."
            if "systemctl" in command
            else "",
            detail="\n".join(done.stdout.splitlines()[-15:]),
        )

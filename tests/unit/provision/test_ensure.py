"""From any machine to an engine: used, started or installed, in this order, and never against the user's choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.client import Client
from checker.engine.endpoint import Endpoint, EngineNotFoundError
from checker.engine.platform import Reach, System
from checker.errors import EngineError
from checker.provision import ensure, install
from checker.provision.daemon import Daemon
from checker.provision.install import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCKER = "/var/run/docker.sock"
DOCKERD = {"dockerd": "/usr/sbin/dockerd"}
FULL = Plan(("docker.io", "docker-cli"))


class Events:
    """What was done to the machine, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.platform: Any = None
        self.plan: Plan | None = FULL
        self.clients: list[bool] = [True]
        monkeypatch.setattr(install, "make_plan", lambda _platform: self.plan)
        monkeypatch.setattr(install, "install", self.install)
        monkeypatch.setattr(ensure, "find_client", self.find_client)
        monkeypatch.setattr(Daemon, "start", lambda *_, **__: self.start("dockerd"))
        monkeypatch.setattr(ensure, "_run", lambda command: self.start(" ".join(command)))

    def install(self, _platform: object, plan: Plan, *, no_install: bool, **_: object) -> None:
        """Install by noting it."""
        if no_install:
            raise EngineError("--no-install")
        self.done.append(f"install{', replacing' if plan.replaces else ''}")
        self.platform.programs.update(DOCKERD)

    def start(self, how: str) -> None:
        """Start by opening the socket."""
        self.done.append(how)
        self.platform.sockets[DOCKER] = Reach.OPEN

    def find_client(self, endpoint: Endpoint, **_: object) -> Client:
        """Answer as the test has laid out, the last answer for good."""
        if not (self.clients.pop(0) if len(self.clients) > 1 else self.clients[0]):
            raise EngineError("no client")
        return Client(Path("/docker"), "26", "2.26", endpoint)

    def ensure(self, platform: Any, **options: Any) -> Endpoint:
        """Run what is tested."""
        self.platform = platform
        return ensure.ensure_engine(Path("/state"), platform=platform, **options)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    return Events(monkeypatch)


def agree(_question: str) -> bool:
    """Say yes."""
    return True


def test_an_engine_that_runs_is_used_and_nothing_is_done(machine: Callable[..., Any], events: Events) -> None:
    assert events.ensure(machine(sockets={DOCKER: Reach.OPEN})).host == f"unix://{DOCKER}"
    assert events.done == []


def test_a_fresh_machine_gets_an_engine_and_it_is_started(
    machine: Callable[..., Any], events: Events
) -> None:
    events.ensure(machine(uid=0))
    assert events.done == ["install", "dockerd"]


@pytest.mark.parametrize("reach", [Reach.ABSENT, Reach.REFUSED])
def test_an_installed_engine_is_only_started(
    machine: Callable[..., Any], events: Events, reach: Reach
) -> None:
    events.ensure(machine(uid=0, programs=dict(DOCKERD), sockets={DOCKER: reach}))
    assert events.done == ["dockerd"]


def test_systemd_starts_it_where_it_runs(machine: Callable[..., Any], events: Events) -> None:
    events.ensure(machine(uid=0, programs=dict(DOCKERD), files={"/run/systemd/system/x": ""}))
    assert events.done == ["systemctl start docker"]


def test_a_user_starts_it_with_sudo_when_they_agree(machine: Callable[..., Any], events: Events) -> None:
    programs = {**DOCKERD, "sudo": "/usr/bin/sudo"}
    platform = machine(programs=programs, files={"/run/systemd/system/x": ""}, terminal=True)
    with pytest.raises(EngineError, match="is not running") as caught:
        events.ensure(platform)
    assert "sudo systemctl start docker" in caught.value.remedy
    events.ensure(platform, confirm=agree)
    assert events.done == ["sudo -- systemctl start docker"]


def test_without_systemd_a_users_engine_is_started_as_root_by_our_own_module(
    machine: Callable[..., Any], events: Events, tmp_path: Path
) -> None:
    events.platform = machine(programs={**DOCKERD, "sudo": "/usr/bin/sudo"}, terminal=True)
    ensure.ensure_engine(tmp_path, platform=events.platform, confirm=agree)
    assert events.done[0].startswith("sudo -- env PYTHONPATH=")
    assert events.done[0].endswith(f"-m checker.provision.daemon start {tmp_path}/engine")


@pytest.mark.parametrize("system", [System.MACOS, System.WINDOWS])
def test_nothing_is_ever_installed_on_macos_or_windows(
    machine: Callable[..., Any], events: Events, system: System
) -> None:
    with pytest.raises(EngineNotFoundError, match="no container engine"):
        events.ensure(machine(system, uid=0, terminal=True), confirm=agree)
    assert events.done == []


def test_nothing_is_installed_where_we_know_no_packages(machine: Callable[..., Any], events: Events) -> None:
    events.plan = None
    with pytest.raises(EngineNotFoundError):
        events.ensure(machine(uid=0, files={"/etc/os-release": "ID=fedora"}))
    assert events.done == []


def test_an_engine_that_the_user_named_is_not_replaced(machine: Callable[..., Any], events: Events) -> None:
    with pytest.raises(EngineNotFoundError, match="from DOCKER_HOST"):
        events.ensure(machine(uid=0, environ={"DOCKER_HOST": "unix:///gone.sock"}))
    assert events.done == []


def test_an_engine_that_is_closed_to_the_user_is_not_replaced(
    machine: Callable[..., Any], events: Events
) -> None:
    with pytest.raises(EngineNotFoundError, match="permission denied"):
        events.ensure(machine(sockets={DOCKER: Reach.DENIED}, terminal=True), confirm=agree)
    assert events.done == []


def test_no_install_still_starts_what_is_there(machine: Callable[..., Any], events: Events) -> None:
    events.ensure(machine(uid=0, programs=dict(DOCKERD)), no_install=True)
    assert events.done == ["dockerd"]


def test_no_install_refuses_on_a_fresh_machine(machine: Callable[..., Any], events: Events) -> None:
    with pytest.raises(EngineError, match="--no-install"):
        events.ensure(machine(uid=0), no_install=True)
    assert events.done == []


def test_a_missing_client_is_installed_beside_the_engine_that_runs(
    machine: Callable[..., Any], events: Events
) -> None:
    events.clients = [False, True]
    events.plan = Plan(("docker-compose",))
    events.ensure(machine(uid=0, sockets={DOCKER: Reach.OPEN}))
    assert events.done == ["install"]


def test_a_client_that_no_package_can_mend_is_reported(machine: Callable[..., Any], events: Events) -> None:
    events.clients, events.plan = [False], Plan(())
    with pytest.raises(EngineError, match="no client"):
        events.ensure(machine(uid=0, sockets={DOCKER: Reach.OPEN}))
    assert events.done == []


def test_an_outdated_engine_is_replaced_quietly_only_while_nothing_runs(
    machine: Callable[..., Any], events: Events
) -> None:
    events.plan = Plan(("docker.io",), replaces=True)
    events.ensure(machine(uid=0, programs=dict(DOCKERD)))
    assert events.done == ["install", "dockerd"]
    events.done.clear()
    events.clients = [False, True]
    events.ensure(machine(uid=0, sockets={DOCKER: Reach.OPEN}))
    assert events.done == ["install, replacing"]


def test_who_has_only_now_joined_the_group_is_told_to_log_in_again(
    machine: Callable[..., Any], events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = machine(programs={"sudo": "/usr/bin/sudo"}, files={"/run/systemd/system/x": ""}, terminal=True)

    def start(_command: Sequence[str]) -> None:
        platform.sockets[DOCKER] = Reach.DENIED

    monkeypatch.setattr(ensure, "_run", start)
    with pytest.raises(EngineError, match="this terminal does not know yet") as caught:
        events.ensure(platform, confirm=agree)
    assert "newgrp docker" in caught.value.remedy


def test_a_command_that_fails_shows_what_it_said() -> None:
    with pytest.raises(EngineError, match=r"failed \(exit code 3\)") as caught:
        ensure._run(["/bin/sh", "-c", "echo because; exit 3"])
    assert caught.value.detail == "because"


def test_ending_the_engine_does_nothing_where_none_is_ours(
    machine: Callable[..., Any], tmp_path: Path
) -> None:
    assert not ensure.engine_stop(tmp_path, platform=machine(System.MACOS))
    assert not ensure.engine_stop(tmp_path, platform=machine())

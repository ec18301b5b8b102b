"""A port that is taken comes with the name of who holds it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.errors import LabError
from checker.scene import ports
from checker.scene.ports import process_on, require_free

if TYPE_CHECKING:
    from tests.conftest import Course


class Fake(Engine):
    """An engine with the containers that a test names."""

    def __init__(self, *containers: dict[str, Any], host: str = "unix:///x") -> None:
        super().__init__(Endpoint(host, "test"))
        self.containers = list(containers)

    def list_all(self, kind: str, **_: Any) -> list[dict[str, Any]]:
        """List them."""
        assert kind == "containers"
        return self.containers


def container(port: int, **labels: str) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Names": ["/web"],
        "Labels": labels,
        "Ports": [{"PrivatePort": 80, "PublicPort": port, "Type": "tcp"}, {"PrivatePort": 81, "Type": "tcp"}],
    }


def refusal(engine: Engine, course: Course, port: int | None) -> str:
    """Return why a lab with a port is refused, and nothing when it is not."""
    try:
        require_free(engine, course.lab(toml=f"ports = [{port}]\n" if port else ""))
    except LabError as error:
        return error.what
    return ""


@pytest.fixture
def free() -> int:
    """Give a port that nobody holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_free_port_is_fine(course: Course, free: int) -> None:
    assert not refusal(Fake(), course, free)
    assert "container `web`" in refusal(Fake(container(free)), course, free)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - a listener of the test's own
def test_a_program_that_listens_is_named(course: Course, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        server = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with server:
        port = server.getsockname()[1]
        with pytest.raises(LabError, match=rf"Port {port} .* is taken by .*\(PID {os.getpid()}\)"):
            require_free(Fake(), course.lab(toml=f"ports = [{port}]\n"))
        # On an engine elsewhere, this machine's ports are not the ones that matter.
        assert not refusal(Fake(host="ssh://far"), course, port)


def test_a_port_that_was_in_use_a_moment_ago_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as one:
            other, _ = server.accept()
            other.close()
            one.recv(1)
    assert process_on(port) == ""


def test_a_strangers_container_is_named_with_how_to_stop_it(course: Course, free: int) -> None:
    with pytest.raises(LabError, match=f"Port {free} .* container `web`") as caught:
        require_free(Fake(container(free)), course.lab(toml=f"ports = [{free}]\n"))
    assert "docker stop web" in caught.value.remedy


def test_another_labs_container_is_named_with_its_lab(course: Course, free: int) -> None:
    engine = Fake(container(free, **{"io.drydock.lab": "05"}))
    with pytest.raises(LabError, match="`web` of lab 05") as caught:
        require_free(engine, course.lab(toml=f"ports = [{free}]\n"))
    assert "lab stop 5" in caught.value.remedy


def test_the_labs_own_container_may_hold_its_port(course: Course, free: int) -> None:
    engine = Fake(container(free, **{"io.drydock.lab": "97"}))
    assert not refusal(engine, course, free)


def test_a_lab_without_ports_asks_nobody(course: Course) -> None:
    nowhere = Engine(Endpoint("tcp://127.0.0.1:1", "test"))
    assert not refusal(nowhere, course, None)
    assert "does not answer" in refusal(nowhere, course, 65000)


class Late(Fake):
    """An engine that lists the container of a port it holds when it is asked for the third time."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        super().__init__(*containers)
        self._asked = 0

    def list_all(self, kind: str, **_: Any) -> list[dict[str, Any]]:
        """List them, from the third time on."""
        self._asked += 1
        return super().list_all(kind) if self._asked > 2 else []


def test_a_port_that_the_engine_holds_already_for_a_container_of_ours_is_ours(
    course: Course, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(ports, "process_on", lambda _: "`docker-proxy` (PID 7)")
    ours = container(free, **{"io.drydock.lab": course.number})
    require_free(Late(ours), course.lab(toml=f"ports = [{free}]\n"))
    with pytest.raises(LabError, match="by the container `web`"):
        require_free(Late(container(free)), course.lab(toml=f"ports = [{free}]\n"))


def test_a_port_that_the_engine_holds_for_nobody_is_told_in_the_end(
    course: Course, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(ports, "process_on", lambda _: "`docker-proxy` (PID 7)")
    monkeypatch.setattr(ports, "LATE_SECONDS", 0.0)
    with pytest.raises(LabError, match="docker-proxy"):
        require_free(Fake(), course.lab(toml=f"ports = [{free}]\n"))


@pytest.mark.parametrize("name", ["docker-proxy", "rootlessport", "com.docker.back"])
def test_a_program_that_opens_ports_for_another_engine_is_not_to_be_ended(
    course: Course, free: int, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(ports, "LATE_SECONDS", 0.0)
    monkeypatch.setattr(ports, "process_on", lambda _: f"`{name}` (PID 7)")
    with pytest.raises(LabError, match=f"taken by `{name}`") as refused:
        require_free(Fake(), course.lab(toml=f"ports = [{free}]\n"))
    assert "another engine" in refused.value.remedy
    assert ports.way_to_free("`nginx` (PID 8)") == "End that program"

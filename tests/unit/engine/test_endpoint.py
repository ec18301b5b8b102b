"""Which engine is used on which machine, and what a person without one is told."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine import endpoint
from checker.engine.endpoint import Endpoint, EngineNotFoundError, find_endpoint
from checker.engine.platform import Platform, Reach, System

if TYPE_CHECKING:
    from collections.abc import Callable

DOCKER = "/var/run/docker.sock"


def context(home: str, name: str, host: str, *, skip_verify: bool = False) -> dict[str, str]:
    """Return the files of a context as `docker context create` writes them."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = {"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": skip_verify}}}
    return {f"{home}/.docker/contexts/meta/{key}/meta.json": json.dumps(meta)}


def test_docker_host_wins_over_everything_else(machine: Callable[..., Any]) -> None:
    files = context("/home/ada", "colima", "unix:///colima.sock")
    environ = {"DOCKER_HOST": "tcp://10.0.0.5:2375", "DOCKER_CONTEXT": "colima"}
    found = find_endpoint(machine(environ=environ, files=files, sockets={DOCKER: Reach.OPEN}))
    assert (found.host, found.source, found.is_local) == ("tcp://10.0.0.5:2375", "DOCKER_HOST", False)


@pytest.mark.parametrize("host", ["", " ", "\t\r\n"])
def test_a_docker_host_of_spaces_is_none(machine: Callable[..., Any], host: str) -> None:
    found = find_endpoint(machine(environ={"DOCKER_HOST": host}, sockets={DOCKER: Reach.OPEN}))
    assert (found.host, found.source) == (f"unix://{DOCKER}", "socket of Docker")


def test_a_docker_host_without_a_path_is_the_usual_socket(machine: Callable[..., Any]) -> None:
    found = find_endpoint(machine(environ={"DOCKER_HOST": "unix://\r"}, sockets={DOCKER: Reach.OPEN}))
    assert (found.host, found.source) == (f"unix://{DOCKER}", "DOCKER_HOST")


def test_docker_host_with_tls_brings_its_certificates(machine: Callable[..., Any]) -> None:
    environ = {"DOCKER_HOST": "tcp://e:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    tls = find_endpoint(machine(environ=environ, files={"/certs/ca.pem": "pem"})).tls
    assert tls is not None
    assert (tls.folder, tls.verify) == (Path("/certs"), True)


def test_certificates_that_went_with_their_engine_are_named_with_what_to_unset(
    machine: Callable[..., Any],
) -> None:
    environ = {"DOCKER_HOST": "tcp://e:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/gone"}
    with pytest.raises(EngineNotFoundError, match=r"/gone/ca\.pem is not there") as caught:
        find_endpoint(machine(environ=environ))
    assert "unset DOCKER_HOST DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH" in caught.value.remedy
    assert caught.value.chosen


def test_a_socket_needs_no_certificates_whatever_the_variables_say(machine: Callable[..., Any]) -> None:
    environ = {"DOCKER_HOST": "unix:///e.sock", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/gone"}
    assert find_endpoint(machine(environ=environ, sockets={"/e.sock": Reach.OPEN})).tls is None


def test_the_current_context_of_the_configuration_is_used(machine: Callable[..., Any]) -> None:
    files = {"/Users/ada/.docker/config.json": '{"currentContext": "colima"}'}
    files |= context("/Users/ada", "colima", "unix:///Users/ada/.colima/default/docker.sock")
    sockets = {"/Users/ada/.colima/default/docker.sock": Reach.OPEN, DOCKER: Reach.OPEN}
    found = find_endpoint(machine(System.MACOS, files=files, sockets=sockets))
    assert (found.host, found.source) == ("unix:///Users/ada/.colima/default/docker.sock", "context colima")


def test_the_variable_wins_over_the_configuration(machine: Callable[..., Any]) -> None:
    files = {"/home/ada/.docker/config.json": '{"currentContext": "colima"}'}
    files |= context("/home/ada", "far", "ssh://ada@far")
    found = find_endpoint(machine(environ={"DOCKER_CONTEXT": "far"}, files=files))
    assert (found.host, found.tls) == ("ssh://ada@far", None)


@pytest.mark.parametrize(
    "endpoints", ['"x"', "[]", '{"docker": "x"}', '{"docker": {"Host": 5}}', '{"docker": {"Host": " "}}']
)
def test_a_context_that_names_no_engine_is_told(machine: Callable[..., Any], endpoints: str) -> None:
    key = hashlib.sha256(b"far").hexdigest()
    files = {
        f"/home/ada/.docker/contexts/meta/{key}/meta.json": f'{{"Name": "far", "Endpoints": {endpoints}}}'
    }
    with pytest.raises(EngineNotFoundError, match="'far' is selected, but its file in") as caught:
        find_endpoint(machine(environ={"DOCKER_CONTEXT": "far"}, files=files))
    assert "docker context rm far" in caught.value.remedy
    assert caught.value.chosen


def test_the_configuration_may_be_in_another_folder(machine: Callable[..., Any]) -> None:
    key = hashlib.sha256(b"x").hexdigest()
    files = {
        "/cfg/config.json": '{"currentContext": "x"}',
        f"/cfg/contexts/meta/{key}/meta.json": '{"Endpoints": {"docker": {"Host": "tcp://x"}}}',
    }
    assert find_endpoint(machine(environ={"DOCKER_CONFIG": "/cfg"}, files=files)).host == "tcp://x"


def test_a_context_with_certificates_brings_them(machine: Callable[..., Any]) -> None:
    key = hashlib.sha256(b"far").hexdigest()
    files = context("/home/ada", "far", "tcp://far:2376", skip_verify=True)
    files[f"/home/ada/.docker/contexts/tls/{key}/docker/ca.pem"] = "pem"
    tls = find_endpoint(machine(environ={"DOCKER_CONTEXT": "far"}, files=files)).tls
    assert tls is not None
    assert (tls.folder, tls.verify) == (Path(f"/home/ada/.docker/contexts/tls/{key}/docker"), False)


def test_the_default_context_means_the_usual_sockets(machine: Callable[..., Any]) -> None:
    files = {"/home/ada/.docker/config.json": '{"currentContext": "default"}'}
    assert find_endpoint(machine(files=files, sockets={DOCKER: Reach.OPEN})).host == f"unix://{DOCKER}"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}"])
def test_a_broken_configuration_is_passed_over(machine: Callable[..., Any], text: str) -> None:
    files = {"/home/ada/.docker/config.json": text}
    assert find_endpoint(machine(files=files, sockets={DOCKER: Reach.OPEN})).source == "socket of Docker"


def test_a_context_that_is_gone_says_so(machine: Callable[..., Any]) -> None:
    with pytest.raises(
        EngineNotFoundError, match="'old' is selected, but there is no such context"
    ) as caught:
        find_endpoint(machine(environ={"DOCKER_CONTEXT": "old"}, sockets={DOCKER: Reach.OPEN}))
    assert "docker context use default" in caught.value.remedy


def test_a_chosen_engine_that_is_down_is_not_replaced_by_another(machine: Callable[..., Any]) -> None:
    files = context("/Users/ada", "colima", "unix:///c.sock")
    platform = machine(
        System.MACOS, environ={"DOCKER_CONTEXT": "colima"}, files=files, sockets={DOCKER: Reach.OPEN}
    )
    with pytest.raises(
        EngineNotFoundError, match=r"no container engine at /c.sock \(from context colima\)"
    ) as caught:
        find_endpoint(platform)
    assert caught.value.chosen
    assert "`colima start`" in caught.value.remedy


@pytest.mark.parametrize(
    ("system", "place", "owner"),
    [
        (System.LINUX, "/run/user/1000/docker.sock", "rootless Docker"),
        (System.LINUX, "/home/ada/.docker/desktop/docker.sock", "Docker Desktop"),
        (System.LINUX, "/run/user/1000/podman/podman.sock", "rootless Podman"),
        (System.LINUX, "/run/podman/podman.sock", "Podman"),
        (System.MACOS, "/Users/ada/.docker/run/docker.sock", "Docker Desktop"),
        (System.MACOS, "/Users/ada/.orbstack/run/docker.sock", "OrbStack"),
        (System.MACOS, "/Users/ada/.colima/default/docker.sock", "Colima"),
        (System.MACOS, "/Users/ada/.rd/docker.sock", "Rancher Desktop"),
    ],
)
def test_the_socket_of_each_usual_engine_is_found(
    machine: Callable[..., Any], system: System, place: str, owner: str
) -> None:
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"} if system is System.LINUX else {}
    found = find_endpoint(
        machine(system, environ=environ, sockets={place: Reach.OPEN, DOCKER: Reach.REFUSED})
    )
    assert (found.host, found.source) == (f"unix://{place}", f"socket of {owner}")


def test_the_pipe_of_windows_is_found(machine: Callable[..., Any]) -> None:
    found = find_endpoint(machine(System.WINDOWS, sockets={"dockerDesktopLinuxEngine": Reach.OPEN}))
    assert (found.host, found.socket) == ("npipe:////./pipe/dockerDesktopLinuxEngine", None)


def test_a_socket_one_may_not_use_names_the_group(machine: Callable[..., Any]) -> None:
    with pytest.raises(EngineNotFoundError, match="permission denied") as caught:
        find_endpoint(machine(sockets={DOCKER: Reach.DENIED}, environ={"USER": "ada"}))
    assert "sudo usermod -aG docker ada" in caught.value.remedy
    assert not caught.value.chosen


def test_a_stale_socket_is_told_apart_from_none(machine: Callable[..., Any]) -> None:
    with pytest.raises(EngineNotFoundError, match="is not running: its socket exists") as stale:
        find_endpoint(machine(sockets={DOCKER: Reach.REFUSED}))
    with pytest.raises(EngineNotFoundError, match="no container engine on this machine") as none:
        find_endpoint(machine())
    assert (stale.value.reach, none.value.reach) == (Reach.REFUSED, Reach.ABSENT)


@pytest.mark.parametrize(
    ("system", "files", "remedy"),
    [
        (System.MACOS, {}, "Install Docker Desktop, OrbStack"),
        (System.MACOS, {"/Applications/OrbStack.app/x": ""}, "OrbStack is installed: open it"),
        (System.WINDOWS, {}, "winget install Docker.DockerDesktop"),
        (
            System.WINDOWS,
            {"C:/Program Files/Docker/Docker/Docker Desktop.exe": ""},
            "Docker Desktop is installed: open it",
        ),
        (System.LINUX, {"/etc/os-release": "ID=fedora\n"}, "dnf install moby-engine"),
        (System.LINUX, {"/etc/os-release": 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'}, "dnf install"),
        (System.LINUX, {"/etc/os-release": "ID=debian\n"}, "./lab up"),
        (System.LINUX, {"/etc/os-release": "ID=slackware\n"}, "from your distribution"),
        (System.LINUX, {}, "from your distribution"),
    ],
)
def test_each_platform_is_told_what_to_install(
    machine: Callable[..., Any], system: System, files: dict[str, str], remedy: str
) -> None:
    with pytest.raises(EngineNotFoundError) as caught:
        find_endpoint(machine(system, files=files))
    assert remedy in caught.value.remedy


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a name of a socket that is short enough for the kernel (108 bytes)."""
    monkeypatch.chdir(tmp_path)
    return Path("s.sock")


def test_a_real_socket_is_open_stale_or_absent(short: Path) -> None:
    platform = Platform()
    assert platform.reach(short) is Reach.ABSENT
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
        assert platform.reach(short) is Reach.REFUSED
        server.listen()
        assert platform.reach(short) is Reach.OPEN
    assert platform.reach(short) is Reach.REFUSED


def test_a_file_that_is_no_socket_is_no_engine(short: Path) -> None:
    short.write_text("")
    assert Platform().reach(short) is Reach.ABSENT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may connect to anything")
def test_a_real_socket_without_rights_is_denied(short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short))
        short.chmod(0)
        assert Platform().reach(short) is Reach.DENIED


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("/var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("127.0.0.1:2375", "tcp://127.0.0.1:2375"),
        ("builder", "tcp://builder"),
        (" ssh://ada@host ", "ssh://ada@host"),
    ],
)
def test_an_address_without_its_scheme_is_understood(said: str, meant: str) -> None:
    assert endpoint.with_scheme(said) == meant


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2376", True),
        ("tcp://[::1]:2375", True),
        ("tcp://10.0.0.5:2375", False),
        ("ssh://ada@localhost", False),
    ],
)
def test_an_engine_at_a_loopback_address_is_here(host: str, here: bool) -> None:
    assert Endpoint(host, "DOCKER_HOST").is_here is here


def test_who_has_podman_alone_is_told_to_start_their_own(machine: Callable[..., Any]) -> None:
    here = machine(sockets={"/run/podman/podman.sock": Reach.DENIED})
    with pytest.raises(EngineNotFoundError, match="not allowed") as caught:
        find_endpoint(here)
    assert caught.value.remedy == (
        "Start Podman for your own user (`systemctl --user start podman.socket`), and try again."
    )

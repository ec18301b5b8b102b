"""What the doctor says of engines: their age, rights, system, architecture, and how they were installed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from checker.doctor import container
from checker.doctor import engine as probes
from checker.doctor.finding import Mark, fine
from checker.doctor.machine import look
from checker.doctor.run import ask, stops_a_lab
from checker.engine.endpoint import Endpoint, with_scheme
from checker.engine.platform import Reach, System
from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.doctor.machine import Machine

    Make = Callable[..., Machine]


def test_a_usable_engine_is_named_with_where_it_was_found(machine: Make) -> None:
    found, permission = probes.find(machine())
    assert found.mark is permission.mark is Mark.FINE
    assert found.found == "/var/run/docker.sock (socket of Docker)"


def test_why_an_engine_does_not_answer_is_shown(machine: Make) -> None:
    trouble = EngineError("It does not answer.", remedy="Look.", detail="tls: unknown authority\n")
    found, _ = probes.find(machine(engine=None, trouble=trouble))
    assert found.found == "It does not answer. tls: unknown authority"


def test_a_closed_socket_is_a_matter_of_permission(machine: Make, platform: Any) -> None:
    places = machine().places
    here = platform(
        system=System.LINUX, environ={"USER": "ada"}, uid=1000, sockets={"/var/run/docker.sock": Reach.DENIED}
    )
    findings = {finding.id: finding for finding in ask(look(here, places))}
    assert findings["engine"].mark is Mark.NOTE
    assert findings["permission"].mark is Mark.PROBLEM
    assert "usermod -aG docker ada" in findings["permission"].remedy


@pytest.mark.parametrize(
    ("system", "advice"),
    [(System.MACOS, "Colima"), (System.WINDOWS, "winget install"), (System.LINUX, "Install")],
)
def test_without_an_engine_the_other_probes_still_run(
    machine: Make, platform: Any, system: System, advice: str
) -> None:
    findings = ask(look(platform(system=system, environ={}, uid=501), machine().places))
    by_id = {finding.id: finding for finding in findings}
    assert by_id["engine"].mark is Mark.PROBLEM
    assert advice in by_id["engine"].remedy
    assert by_id["memory"].mark is Mark.UNKNOWN
    assert by_id["checkout-disk"].mark is not Mark.UNKNOWN
    assert stops_a_lab(findings)


def test_an_engine_too_old_for_the_course_is_to_be_updated(machine: Make) -> None:
    (seen,) = probes.version(machine(version={"Version": "19.03.1", "ApiVersion": "1.40"}))
    assert seen.mark is Mark.PROBLEM
    assert "Docker 19.03.1, API 1.40" in seen.found
    assert "20.10" in seen.remedy


def test_podman_is_told_by_its_name(machine: Make) -> None:
    (seen,) = probes.version(machine(version={"Components": [{"Name": "Podman Engine"}], "Version": "5.4.0"}))
    assert seen.mark is Mark.NOTE
    assert seen.found.startswith("Podman 5.4.0")


def test_on_podman_the_labs_that_build_are_named_with_what_to_use_for_them(machine: Make) -> None:
    podman = {"Components": [{"Name": "Podman Engine"}], "Version": "5.8.6", "ApiVersion": "1.44"}
    (seen,) = probes.version(machine(version=podman, labs=({}, {"needs": ("privileged", "builder")})))
    assert (seen.mark, seen.labs) == (Mark.PROBLEM, "02")
    assert "lab 02 and building the course's images need" in seen.found
    assert "Do lab 02 with Docker Engine or Docker Desktop." in seen.remedy
    (bare,) = probes.version(machine(version=podman, labs=({},)))
    assert bare.mark is Mark.NOTE
    assert "lab" not in bare.found


def test_without_a_docker_command_the_remedy_is_this_platforms(machine: Make) -> None:
    command, buildx = probes.client(machine(System.MACOS))
    assert command.mark is Mark.PROBLEM
    assert "brew install" in command.remedy
    assert buildx.mark is Mark.UNKNOWN


@pytest.mark.parametrize(
    ("option", "word"), [("name=rootless", "rootless"), ("name=userns", "remapped users")]
)
def test_engines_with_fewer_rights_are_noted_with_the_labs_that_need_more(
    machine: Make, option: str, word: str
) -> None:
    (seen,) = probes.security(
        machine(info={"SecurityOptions": [option]}, labs=({}, {"needs": ("privileged",)}))
    )
    assert seen.mark is Mark.NOTE
    assert word in seen.found
    # What labs need is started as the host's users, however the engine maps others.
    assert ("lab 02" in seen.found) is (word == "rootless")


def test_windows_containers_stop_every_lab(machine: Make) -> None:
    (seen,) = probes.kind(machine(System.WINDOWS, info={"OSType": "windows"}))
    assert seen.mark is Mark.PROBLEM
    assert "Linux containers" in seen.remedy


def test_images_for_another_architecture_are_to_be_made_anew(machine: Make, engine: Any) -> None:
    engine.records["drydock/parcel:1.0"] = {"Architecture": "amd64"}
    images = ({"RepoTags": ["drydock/parcel:1.0"], "Labels": {"io.drydock.image": "parcel"}},)
    (seen,) = probes.architecture(machine(info={"Architecture": "aarch64"}, images=images))
    assert seen.mark is Mark.PROBLEM
    assert "drydock/parcel:1.0 (amd64)" in seen.found
    (same,) = probes.architecture(machine(images=images))
    assert same == fine("amd64")


@pytest.mark.parametrize(
    ("wanted", "mark"), [("linux/arm64", Mark.NOTE), ("linux/amd64", Mark.FINE), ("", Mark.FINE)]
)
def test_a_default_platform_of_another_kind_is_noted(machine: Make, wanted: str, mark: Mark) -> None:
    found = machine()
    here = replace(found, platform=replace(found.platform, environ={"DOCKER_DEFAULT_PLATFORM": wanted}))
    (seen,) = probes.architecture(here)
    assert seen.mark is mark


@pytest.mark.parametrize(("driver", "mark"), [("none", Mark.NOTE), ("local", Mark.FINE), ("", Mark.FINE)])
def test_an_engine_that_keeps_no_logs_is_noted(machine: Make, driver: str, mark: Mark) -> None:
    seen, _ = probes.settings(machine(info={"LoggingDriver": driver}))
    assert seen.mark is mark


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("json-file", {"max-size": "1k", "max-file": "1"}, "keeps only the last 1k"),
        ("json-file", {"max-size": "50k", "max-file": "10"}, ""),
        ("local", {"max-size": "50k"}, ""),
        ("json-file", {"max-size": "10m"}, ""),
        ("json-file", {"max-size": "-1"}, ""),
        ("syslog", {"cache-disabled": "true"}, "without a cache"),
        ("syslog", {}, ""),
    ],
)
def test_options_that_cut_logs_off_are_noted(
    machine: Make, engine: Any, driver: str, options: dict[str, str], words: str
) -> None:
    engine.records["containers-made"] = {"HostConfig": {"LogConfig": {"Type": driver, "Config": options}}}
    images = ({"RepoTags": ["drydock/toolbox:1.0"], "Labels": {"io.drydock.image": "toolbox"}},)
    seen, _ = probes.settings(machine(info={"LoggingDriver": driver}, images=images))
    assert (seen.mark is Mark.NOTE) == bool(words)
    assert words in seen.found
    assert engine.made == []


def test_a_log_driver_that_starts_no_container_is_a_problem(machine: Make, engine: Any) -> None:
    engine.refuse("/containers/containers-made/start", "failed to initialize logging driver: no journald")
    images = ({"RepoTags": ["drydock/toolbox:1.0"], "Labels": {"io.drydock.image": "toolbox"}},)
    seen, _ = probes.settings(machine(info={"LoggingDriver": "journald"}, images=images))
    assert seen.mark is Mark.PROBLEM
    assert "no journald" in seen.found
    assert "log-driver" in seen.remedy
    assert engine.made == []


@pytest.mark.parametrize(
    ("path", "status", "mark"),
    [
        ("/containers/containers-made/exec", 403, Mark.PROBLEM),
        ("/containers/containers-made/archive", 403, Mark.PROBLEM),
        ("/events", 403, Mark.PROBLEM),
        ("/containers/containers-made/top", 500, Mark.FINE),
        ("/nothing", 403, Mark.FINE),
    ],
)
def test_what_a_proxy_forbids_is_a_problem(
    machine: Make, engine: Any, path: str, status: int, mark: Mark
) -> None:
    engine.refuse(path, "403 Forbidden", status)
    images = ({"RepoTags": ["drydock/toolbox:1.0"], "Labels": {"io.drydock.image": "toolbox"}},)
    engine.records["containers-made"] = {"HostConfig": {}}
    _, seen = probes.settings(machine(images=images))
    assert seen.mark is mark
    assert engine.made == []


def test_the_doctors_own_containers_keep_their_logs(machine: Make, engine: Any) -> None:
    bodies: list[dict[str, Any]] = []

    def printed(body: dict[str, Any]) -> str:
        bodies.append(body)
        return ""

    engine.printed = printed
    container.run(machine().asked, "image", "true", seconds=1.0)
    assert bodies[0]["HostConfig"]["LogConfig"]["Config"]["max-size"]


@pytest.mark.parametrize(
    ("host", "mark"),
    [
        ("unix:///var/run/docker.sock", Mark.FINE),
        ("/var/run/docker.sock", Mark.NOTE),
        ("far:2375", Mark.NOTE),
    ],
)
def test_an_address_without_its_scheme_is_noted(machine: Make, host: str, mark: Mark) -> None:
    found = machine()
    here = replace(
        found,
        platform=replace(found.platform, environ={"DOCKER_HOST": host}),
        endpoint=Endpoint(with_scheme(host), "DOCKER_HOST"),
    )
    seen, allowed = probes.find(here)
    assert (seen.mark, allowed.mark) == (mark, Mark.FINE)
    assert (seen.remedy == f"export DOCKER_HOST={with_scheme(host)}") is (mark is Mark.NOTE)


def test_a_snap_cannot_read_everywhere(machine: Make) -> None:
    (seen,) = probes.place(machine(info={"DockerRootDir": "/var/snap/docker/common/var-lib-docker"}))
    assert seen.mark is Mark.NOTE


def test_an_engine_that_does_not_answer_is_a_finding_and_not_an_error(
    tmp_path: Path, machine: Make, platform: Any
) -> None:
    import socket

    path = tmp_path / "hung.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))  # no listen: a connection is refused, as with an engine that was killed
        here = platform(
            system=System.LINUX,
            environ={"DOCKER_HOST": f"unix://{path}"},
            uid=0,
            sockets={str(path): Reach.OPEN},
        )
        (found, *_) = ask(look(here, machine().places))
    assert found.mark is Mark.PROBLEM
    assert "does not answer" in found.found

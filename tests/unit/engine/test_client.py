"""Which docker command is chosen: an old one earlier on PATH must not win over one that works."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine import client
from checker.engine.client import find_candidates, find_client
from checker.engine.endpoint import Endpoint, Tls
from checker.engine.platform import Platform, System
from checker.errors import EngineError, LabError

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = Endpoint("unix:///e.sock", "test")

FAKE = """#!/bin/sh
echo "$DOCKER_HOST $*" >> "{log}"
case "$1" in
version) {version} ;;
compose) {compose} ;;
buildx) {buildx} ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path) -> Callable[..., Path]:
    """Put a docker command into a folder of its own; return the folder."""

    def make(
        name: str,
        version: str = "echo 26.1.5",
        compose: str = "echo 2.26.1-4",
        buildx: str = "echo buildx 0.13",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        program = folder / "docker"
        program.write_text(FAKE.format(version=version, compose=compose, buildx=buildx, log=folder / "log"))
        program.chmod(0o755)
        return folder

    return make


class Only(Platform):
    """This machine, without the docker commands that it may have outside PATH."""

    def is_program(self, path: Path) -> bool:
        """Whether it is on the PATH of the test."""
        return str(path.parent) in self.environ["PATH"] and super().is_program(path)

    def exists(self, path: Path) -> bool:
        """Whether it is in a test's folder: this machine's own plugins do not count."""
        return not path.is_relative_to("/usr") and super().exists(path)


def on_path(*folders: Path) -> Platform:
    return Only(environ={"PATH": os.pathsep.join(map(str, folders))}, home=Path("/nowhere"))


NO_PLUGIN = "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1"


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        ({"compose": NO_PLUGIN}, "has no compose plugin: docker: 'compose' is not a docker command"),
        ({"compose": "echo v2.17.3"}, "its compose is v2.17.3, but the course needs 2.20 or newer"),
        ({"compose": "echo 2.19.1"}, "its compose is 2.19.1, but the course needs 2.20 or newer"),
        ({"buildx": "echo unknown >&2; exit 1"}, "has no buildx plugin: unknown"),
        (
            {
                "version": "echo 'client version 1.22 is too old. Minimum supported API version is 1.24' >&2; exit 1"
            },
            "client version 1.22 is too old",
        ),
    ],
)
def test_a_client_that_does_not_fit_gives_way_to_one_that_does(
    docker: Callable[..., Path], unfit: dict[str, str], reason: str
) -> None:
    first, second = docker("first", **unfit), docker("second")
    assert find_client(ENGINE, platform=on_path(first, second)).path == second / "docker"
    with pytest.raises(EngineError) as caught:
        find_client(ENGINE, platform=on_path(first))
    assert f"{first}/docker: {reason}" in caught.value.detail


def test_a_plugin_that_does_not_work_is_named_with_its_file(
    docker: Callable[..., Path], tmp_path: Path
) -> None:
    plugin = tmp_path / "own" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    plugin.write_bytes(b"for another kind of processor")
    folder = docker("one", compose="echo unknown flag: --short >&2; exit 1")
    environ = {"PATH": str(folder), "DOCKER_CONFIG": str(tmp_path / "own")}
    with pytest.raises(EngineError) as caught:
        find_client(ENGINE, platform=Only(environ=environ, home=Path("/nowhere")))
    assert f"its compose plugin {plugin} does not work: unknown flag" in caught.value.detail
    assert caught.value.remedy.startswith(f"Move {plugin} away")


@pytest.mark.parametrize("compose", ["2.20.0", "v2.20.3", "2.100.0", "v5.0.1"])
def test_the_oldest_compose_that_is_good_enough_is_good_enough(
    docker: Callable[..., Path], compose: str
) -> None:
    folder = docker("one", compose=f"echo {compose}")
    assert find_client(ENGINE, platform=on_path(folder)).compose == compose


def test_a_client_is_asked_about_the_engine_in_use(docker: Callable[..., Path]) -> None:
    folder = docker("one")
    found = find_client(ENGINE, platform=on_path(folder))
    asked = (folder / "log").read_text().splitlines()
    assert len(asked) == 3
    assert all(line.startswith("unix:///e.sock ") for line in asked)
    assert (found.version, found.compose) == ("26.1.5", "2.26.1-4")
    assert found.command("ps", "-a") == [str(folder / "docker"), "ps", "-a"]


def test_no_client_at_all_says_what_to_install(machine: Callable[..., Any]) -> None:
    with pytest.raises(EngineError, match="There is no docker command") as caught:
        find_client(ENGINE, platform=machine(System.MACOS))
    assert "brew install docker docker-compose docker-buildx" in caught.value.remedy


def test_the_verdict_is_remembered_until_a_client_changes(
    docker: Callable[..., Path], tmp_path: Path
) -> None:
    folder = docker("one")
    platform = on_path(folder)
    for _ in range(3):
        find_client(ENGINE, platform=platform, state=tmp_path)
    log = folder / "log"
    assert len(log.read_text().splitlines()) == 3
    os.utime(folder / "docker", (1, 1))
    find_client(ENGINE, platform=platform, state=tmp_path)
    assert len(log.read_text().splitlines()) == 6


def test_the_verdict_is_not_kept_for_another_engine_nor_when_asked_afresh(
    docker: Callable[..., Path], tmp_path: Path
) -> None:
    folder = docker("one")
    find_client(ENGINE, platform=on_path(folder), state=tmp_path)
    find_client(Endpoint("tcp://far", "test"), platform=on_path(folder), state=tmp_path)
    find_client(Endpoint("tcp://far", "test"), platform=on_path(folder), state=tmp_path, fresh=True)
    assert len((folder / "log").read_text().splitlines()) == 9


def test_the_verdict_is_not_kept_when_the_clients_settings_change(
    docker: Callable[..., Path], tmp_path: Path
) -> None:
    folder = docker("one")
    settings = with_config(tmp_path)
    platform = Only(environ={**settings.environ, "PATH": str(folder)}, home=Path("/nowhere"))
    find_client(ENGINE, platform=platform, state=tmp_path)
    (tmp_path / "own" / "config.json").write_text('{"aliases": {"compose": "nothing"}}')
    find_client(ENGINE, platform=platform, state=tmp_path)
    assert (folder / "log").read_text().count("compose version") == 2


@pytest.mark.parametrize("damage", ["", "{", '{"key": 1}'])
def test_a_damaged_memory_is_made_anew(docker: Callable[..., Path], tmp_path: Path, damage: str) -> None:
    memory = tmp_path / "engine" / "client.json"
    memory.parent.mkdir()
    memory.write_text(damage)
    assert find_client(ENGINE, platform=on_path(docker("one")), state=tmp_path).version == "26.1.5"
    assert memory.read_text().startswith('{"key"')


def test_a_memory_that_cannot_be_written_does_no_harm(docker: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("a file is in the way")
    assert find_client(ENGINE, platform=on_path(docker("one")), state=tmp_path)


def test_a_client_that_hangs_is_given_up(
    docker: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PROBE_SECONDS", 0.3)
    folder = docker("slow", version="exec /bin/sleep 60")
    with pytest.raises(EngineError) as caught:
        find_client(ENGINE, platform=on_path(folder))
    assert "gave no answer within" in caught.value.detail


def test_a_file_that_cannot_be_run_is_passed_over(docker: Callable[..., Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "docker").write_bytes(b"\x7fELF not really")
    (broken / "docker").chmod(0o755)
    good = docker("good")
    assert find_client(ENGINE, platform=on_path(broken, good)).path == good / "docker"


def test_clients_outside_path_are_candidates_and_links_count_once(machine: Callable[..., Any]) -> None:
    programs = {
        "/bin/docker": "/usr/bin/docker",
        "/usr/bin/docker": "",
        "/Users/ada/.orbstack/bin/docker": "",
        "/Users/ada/.rd/bin/docker": "",
    }
    found = find_candidates(machine(System.MACOS, environ={"PATH": "/bin:/usr/bin"}, files=programs))
    expected = ["/bin/docker", "/Users/ada/.rd/bin/docker", "/Users/ada/.orbstack/bin/docker"]
    assert [str(path) for path in found] == expected


def test_windows_has_its_own_names(machine: Callable[..., Any]) -> None:
    place = "C:/Program Files/Docker/Docker/resources/bin/docker.exe"
    found = find_candidates(machine(System.WINDOWS, environ={"PATH": "C:/x;C:/y"}, files={place: ""}))
    assert found == [Path(place)]


def test_the_environment_of_the_client_names_our_engine_only() -> None:
    found = client.Client(
        Path("/docker"), "26", "2.26", Endpoint("tcp://e:2376", "context x", Tls(Path("/c")))
    )
    theirs = {
        "DOCKER_CONTEXT": "other",
        "DOCKER_HOST": "tcp://other",
        "DOCKER_API_VERSION": "1.20",
        "DOCKER_DEFAULT_PLATFORM": "linux/other",
        "HOME": "/h",
    }
    assert found.environment(theirs) == {
        "HOME": "/h",
        "DOCKER_HOST": "tcp://e:2376",
        "DOCKER_CERT_PATH": "/c",
        "DOCKER_TLS_VERIFY": "1",
    }


LOCAL = client.Client(Path("/docker"), "26", "2.26", ENGINE)
PROXY = {"default": {"httpProxy": "http://proxy:3128"}}


def with_config(tmp_path: Path, **config: object) -> Platform:
    """Return a machine whose person has this config.json."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return Platform(environ={"DOCKER_CONFIG": str(folder), "COMPOSE_FILE": "other.yaml", "PATH": "/bin"})


def test_the_clients_proxies_are_kept_out_of_scenes(tmp_path: Path) -> None:
    machine = with_config(
        tmp_path, proxies=PROXY, auths={"registry": {"auth": "c2VjcmV0"}}, detachKeys="ctrl-x"
    )
    environ = LOCAL.environment_for_scenes(tmp_path / "state", machine)
    assert "COMPOSE_FILE" not in environ
    assert environ["COMPOSE_DISABLE_ENV_FILE"] == "1"
    laid = json.loads(Path(environ["DOCKER_CONFIG"], "config.json").read_text())
    assert laid == {"detachKeys": "ctrl-x", "cliPluginsExtraDirs": [str(tmp_path / "own/cli-plugins")]}


@pytest.mark.parametrize("config", [{}, {"proxies": {}}, {"currentContext": "x"}])
def test_a_configuration_without_proxies_is_used_as_it_is(tmp_path: Path, config: dict[str, object]) -> None:
    environ = LOCAL.environment_for_scenes(tmp_path / "state", with_config(tmp_path, **config))
    assert environ["DOCKER_CONFIG"] == str(tmp_path / "own")
    assert not (tmp_path / "state").exists()


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LabError, match="cannot be written"):
        LOCAL.environment_for_scenes(tmp_path / "state", with_config(tmp_path, proxies=PROXY))


DEAD = "if [ $# -gt 1 ]; then echo 'error during connect: ssh: connect to host far: refused' >&2; exit 1; fi"


def test_an_engine_that_does_not_answer_is_not_taken_for_a_missing_command(
    docker: Callable[..., Path],
) -> None:
    far = Endpoint("ssh://ada@far:22", "DOCKER_HOST")
    with pytest.raises(EngineError) as caught:
        find_client(far, platform=on_path(docker("well", version=DEAD)))
    assert caught.value.what == "The container engine at ssh://ada@far:22 (from DOCKER_HOST) does not answer."
    assert "ssh: connect to host far: refused" in caught.value.detail
    assert "`ssh ada@far`" in caught.value.remedy
    assert "nstall" not in caught.value.remedy


def test_a_command_of_another_age_is_not_the_engines_fault(docker: Callable[..., Path]) -> None:
    old = "if [ $# -gt 1 ]; then echo 'client version 1.22 is too old' >&2; exit 1; fi"
    with pytest.raises(EngineError, match="No docker command on this machine can be used"):
        find_client(ENGINE, platform=on_path(docker("old", version=old)))

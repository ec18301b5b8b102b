"""What is read from the machine for a build: its certificates, its Debian archive, its proxies; and the base."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.engine.platform import Platform, System
from checker.errors import LabError
from checker.images import base, build
from checker.images.catalogue import Images
from checker.images.certificates import LARGEST, find_bundle
from checker.images.mirror import Mirror, find_mirror
from checker.images.process import run
from checker.provision.apt import Source

if TYPE_CHECKING:
    from checker.course.places import Places
    from checker.images.workshop import Workshop
    from tests.unit.images.conftest import FakeDocker, FakeEngine

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"


# -- certificates --------------------------------------------------------------------------------------------


def test_the_bundle_that_the_environment_names_comes_first(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text(CERTIFICATE)
    (tmp_path / "system.pem").write_text(CERTIFICATE)
    places = [str(tmp_path / "system.pem")]
    environ = {"REQUESTS_CA_BUNDLE": str(tmp_path / "own.pem"), "SSL_CERT_FILE": str(tmp_path / "gone.pem")}
    assert find_bundle(tmp_path, environ, places) == tmp_path / "own.pem"
    assert find_bundle(tmp_path, {}, places) == tmp_path / "system.pem"


def test_a_bundle_too_large_for_a_secret_loses_comments_and_repetitions(tmp_path: Path) -> None:
    large = tmp_path / "large.pem"
    large.write_text(("# a comment\n" * 100 + CERTIFICATE) * 500)
    assert large.stat().st_size > LARGEST
    smaller = find_bundle(tmp_path / "scratch", {"SSL_CERT_FILE": str(large)}, ())
    assert smaller == tmp_path / "scratch" / "ca.pem"
    assert smaller.read_text() == CERTIFICATE


def test_a_system_without_a_bundle_as_a_file_is_asked_for_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        def get_ca_certs(self, *, binary_form: bool) -> list[bytes]:
            assert binary_form
            return [b"ABC"]

    monkeypatch.setattr("ssl.create_default_context", Context)
    found = find_bundle(tmp_path, {}, ())
    assert found is not None
    assert found.read_text() == CERTIFICATE


# -- the Debian archive --------------------------------------------------------------------------------------


def source(uri: str, *suites: str) -> Source:
    return Source(uris=(uri,), suites=suites or ("trixie",), components=("main",))


def test_packages_come_from_the_machines_own_archives() -> None:
    found = find_mirror(
        [
            source("cdrom:[Debian]/"),
            source("https://example.org/tools/debian-like", "stable"),
            source("http://localhost:3142/debian"),
            source("https://mirror.example/debian/"),
            source("https://other.example/debian"),
            source("https://mirror.example/debian-security", "trixie-security"),
        ],
        {},
    )
    assert found == Mirror("https://mirror.example/debian", "https://mirror.example/debian-security")
    assert found.lines("bookworm") == [
        "deb https://mirror.example/debian bookworm main",
        "deb https://mirror.example/debian bookworm-updates main",
        "deb https://mirror.example/debian-security bookworm-security main",
    ]


def test_a_list_of_mirrors_is_followed(tmp_path: Path) -> None:
    listed = tmp_path / "debian.list"
    listed.write_text("# first\nhttps://cloud.example/debian\tpriority:1\n")
    assert find_mirror([source(f"mirror+file:{listed}")], {}) == Mirror("https://cloud.example/debian")


def test_an_ubuntu_has_no_debian_archive_unless_one_is_named() -> None:
    ubuntu = [source("http://archive.example/ubuntu", "noble", "noble-security")]
    assert find_mirror(ubuntu, {}) is None
    named = {"DRYDOCK_DEBIAN_MIRROR": "https://mirror.example/debian/"}
    assert find_mirror(ubuntu, named) == Mirror("https://mirror.example/debian")


# -- making the base -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine(Platform):
    """A machine with the programs that a test names."""

    system: System = System.LINUX
    uid: int = 1000
    environ: dict[str, str] = field(default_factory=dict)
    programs: tuple[str, ...] = ()

    def which(self, program: str) -> Path | None:
        """Find what was named."""
        return Path("/usr/bin", program) if program in self.programs else None

    def read(self, path: Path) -> str | None:
        """Have one source."""
        return "deb http://mirror.example/debian trixie main\n" if path.name == "sources.list" else None

    def files(self, folder: Path, pattern: str) -> list[Path]:  # noqa: ARG002
        """Have no more."""
        return []


def test_the_base_is_made_for_the_engines_architecture_from_the_machines_archive(
    places: Places, workshop: Workshop, engine: FakeEngine, docker: FakeDocker
) -> None:
    engine.arch = "arm64"
    pinned = Images(places.root).toml.bases["trixie"]
    machine = Machine(programs=("mmdebstrap", "apt-get"))
    base.bootstrap("trixie", "drydock/base:trixie", pinned, workshop, machine)
    made = docker.calls[0]
    assert "--architectures=arm64" in made
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in made
    assert "deb http://mirror.example/debian trixie main" in made
    assert docker.calls[1][-1] == "drydock/base:trixie"


def test_a_base_that_could_not_be_made_is_never_given_to_the_engine(
    places: Places, workshop: Workshop, docker: FakeDocker
) -> None:
    docker.answers["--variant=minbase"] = docker.answers["/usr/bin/mmdebstrap"] = (
        1,
        "I: working\nE: no such suite\nI: cleaning up",
    )
    pinned = Images(places.root).toml.bases["trixie"]
    with pytest.raises(LabError) as caught:
        base.bootstrap("trixie", "drydock/base:trixie", pinned, workshop, Machine(programs=("mmdebstrap",)))
    assert caught.value.detail == "E: no such suite"
    assert "base-trixie.log" in caught.value.remedy
    assert "import" not in docker.verbs()


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [
        (Machine(system=System.MACOS), "Load a bundle"),
        (Machine(system=System.WINDOWS), "Load a bundle"),
        (Machine(), "Load a bundle"),
        (Machine(programs=("apt-get",)), "sudo apt-get install mmdebstrap"),
    ],
)
def test_a_machine_that_cannot_make_the_base_says_what_would_help(
    places: Places, workshop: Workshop, machine: Machine, remedy: str
) -> None:
    pinned = Images(places.root).toml.bases["trixie"]
    with pytest.raises(LabError) as caught:
        base.bootstrap("trixie", "drydock/base:trixie", pinned, workshop, machine)
    assert remedy in caught.value.remedy


# -- builds --------------------------------------------------------------------------------------------------


def test_a_build_is_lent_the_certificates_and_the_proxies_that_a_container_can_use(
    places: Places, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.pem").write_text(CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    for name in build.PROXIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    words = build.arguments(Images(places.root).find("hello"), "some:base", "maker", workshop)
    assert f"id=ca,src={tmp_path / 'own.pem'}" in words
    assert "HTTPS_PROXY" in words
    assert "HTTP_PROXY" not in words
    assert not any("proxy.example" in word for word in words), "the proxy's address is in no image"


def test_a_builder_that_the_user_chose_does_not_take_the_build_elsewhere() -> None:
    theirs = {"BUILDX_BUILDER": "remote", "BUILDX_CONFIG": "/home/ada/.docker/buildx", "PATH": "/bin"}
    assert build.environment(theirs, Path("/state")) == {
        "PATH": "/bin",
        "BUILDX_CONFIG": "/state/buildx",
        "DOCKER_BUILDKIT": "1",
        "BUILDX_BUILDER": "default",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }


# -- long commands -------------------------------------------------------------------------------------------


def test_a_commands_output_is_kept_and_told_line_by_line(tmp_path: Path) -> None:
    lines: list[str] = []
    ended = run(
        ["sh", "-c", "echo out; echo err >&2; exit 3"],
        tmp_path / "x" / "log",
        silence=10,
        each_line=lines.append,
    )
    assert (ended.code, ended.timed_out) == (3, False)
    assert sorted(lines) == ["err", "out"] == sorted(ended.lines)
    assert sorted(ended.log.read_text().splitlines()) == ["err", "out"]


def test_a_command_that_stands_still_is_ended(tmp_path: Path) -> None:
    ended = run(["sh", "-c", "echo begun; exec sleep 60"], tmp_path / "log", silence=0.2)
    assert ended.timed_out
    assert ended.lines == ("begun",)


SLOW = "for i in 1 2 3 4 5 6 7 8; do sleep 0.1; {}; done; echo end"


def test_a_slow_command_that_writes_is_not_ended(tmp_path: Path) -> None:
    ended = run(["sh", "-c", SLOW.format("echo $i")], tmp_path / "log", silence=0.4)
    assert not ended.timed_out
    assert ended.lines[-1] == "end"


def test_a_silent_command_that_works_is_not_ended(tmp_path: Path) -> None:
    work = itertools.count(1.0)
    waited: list[float] = []
    ended = run(
        ["sh", "-c", SLOW.format(":")],
        tmp_path / "log",
        silence=0.2,
        work=lambda: next(work),
        waiting=waited.append,
    )
    assert not ended.timed_out
    assert ended.lines == ("end",)
    assert waited == sorted(waited)
    assert waited


def test_the_work_of_build_steps_is_seen_in_their_processes(tmp_path: Path) -> None:
    for pid, cgroup, ticks in ((1, "0::/init.scope", 9), (2, "0::/docker/buildkit/x", 40), (3, "", 5)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(cgroup)
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (go (1) x) R {' 0' * 10} {ticks} 2 0")
    assert build.work_of_builds(tmp_path) == 42


def test_a_silent_build_says_now_and_then_that_it_goes_on(places: Places) -> None:
    said: list[str] = []
    narrator = build._Narrator(Images(places.root).find("hello"), said.append)
    narrator.line("#7 [programs 4/9] RUN go build")
    for seconds in (30, 60, 90, 120):
        narrator.waiting(seconds)
    assert said == [
        "building drydock/hello:1.0",
        "building drydock/hello:1.0, step 4 of 9",
        "building drydock/hello:1.0, step 4 of 9: running for 1 min; its last step has printed nothing yet",
        "building drydock/hello:1.0, step 4 of 9: running for 2 min; its last step has printed nothing yet",
    ]


def test_a_command_does_not_outlive_an_interruption(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", "echo $$; exec sleep 60"], tmp_path / "log", silence=60, each_line=interrupt)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="/nowhere/docker could not be started"):
        run(["/nowhere/docker"], tmp_path / "log", silence=1)

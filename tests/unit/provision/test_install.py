"""What is installed on which distribution, and by whose leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import EngineError
from checker.provision import apt, install
from checker.provision.install import Plan, apt_options, borrowed_sources, make_plan, read_release

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BOOKWORM = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
TRIXIE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
SID = "ID=debian\nVERSION_CODENAME=forky\n"
NOBLE = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\nVERSION_CODENAME=noble\n"
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nUBUNTU_CODENAME=noble\n'
BULLSEYE = 'ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\n'
APT = {"apt-get": "/usr/bin/apt-get"}


def nothing(_names: Sequence[str]) -> set[str]:
    """Say that no package is installed."""
    return set()


def having(*names: str) -> Callable[[Sequence[str]], set[str]]:
    """Say that these packages are installed."""
    return lambda asked: set(names) & set(asked)


def plan_for(
    machine: Callable[..., Any], release: str, installed: Callable[..., set[str]] = nothing
) -> Plan | None:
    return make_plan(machine(files={"/etc/os-release": release}, programs=APT), installed)


def test_debian_12_borrows_the_engine_of_the_next_release(machine: Callable[..., Any]) -> None:
    plan = plan_for(machine, BOOKWORM)
    assert plan is not None
    assert plan.borrowed == ("docker.io", "docker-cli", "docker-compose", "docker-buildx")
    assert {"containerd", "runc", "iptables", "mmdebstrap"} <= {*plan.packages} - {*plan.borrowed}
    assert plan.sentence == (
        "Installing a container engine: docker.io, docker-cli, docker-compose, docker-buildx from Debian 13 (trixie); "
        "from this system's own packages containerd, runc, iptables, ca-certificates, mmdebstrap; nothing else changes"
    )


@pytest.mark.parametrize("release", [TRIXIE, SID])
def test_debian_13_and_later_use_their_own_packages(machine: Callable[..., Any], release: str) -> None:
    plan = plan_for(machine, release)
    assert plan is not None
    assert plan.borrowed == ()
    assert plan.packages[:4] == ("docker.io", "docker-cli", "docker-compose", "docker-buildx")


@pytest.mark.parametrize("release", [NOBLE, MINT])
def test_ubuntu_and_what_is_made_from_it_use_ubuntus_names(machine: Callable[..., Any], release: str) -> None:
    plan = plan_for(machine, release)
    assert plan is not None
    assert plan.packages[:3] == ("docker.io", "docker-compose-v2", "docker-buildx")


@pytest.mark.parametrize("release", [BULLSEYE, "ID=fedora\n", "ID=kali\nID_LIKE=debian\n", ""])
def test_nothing_is_installed_elsewhere(machine: Callable[..., Any], release: str) -> None:
    assert plan_for(machine, release) is None


def test_nothing_is_installed_without_apt(machine: Callable[..., Any]) -> None:
    assert make_plan(machine(files={"/etc/os-release": TRIXIE}), nothing) is None


def test_what_is_installed_is_skipped(machine: Callable[..., Any]) -> None:
    plan = plan_for(
        machine, TRIXIE, having("docker.io", "docker-cli", "containerd", "runc", "ca-certificates")
    )
    assert plan is not None
    assert plan.packages == ("docker-compose", "docker-buildx", "iptables", "mmdebstrap")


def test_all_installed_is_an_empty_plan(machine: Callable[..., Any]) -> None:
    plan = plan_for(machine, BOOKWORM, having(*install.DEBIAN, *install.BESIDE, *install.BASE_BUILDER))
    assert plan is not None
    assert plan.packages == ()


def test_an_old_engine_of_debian_12_is_replaced_as_a_whole(machine: Callable[..., Any]) -> None:
    plan = plan_for(machine, BOOKWORM, having("docker.io", *install.BESIDE, *install.BASE_BUILDER))
    assert plan is not None
    assert plan.packages == install.DEBIAN
    assert plan.replaces


def test_dockers_own_packages_are_completed_by_their_own_plugins(machine: Callable[..., Any]) -> None:
    plan = plan_for(machine, BOOKWORM, having("docker-ce", "docker-ce-cli", *install.BASE_BUILDER))
    assert plan is not None
    assert (plan.packages, plan.borrowed) == (("docker-compose-plugin", "docker-buildx-plugin"), ())


def test_the_release_is_read_from_either_place(machine: Callable[..., Any]) -> None:
    release = read_release(machine(files={"/usr/lib/os-release": "ID='debian'\nVERSION_ID=\"12\"\n"}))
    assert (release.id, release.version) == ("debian", "12")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect the commands that would be run."""
    commands: list[list[str]] = []
    monkeypatch.setattr(apt, "run", lambda command, **_: commands.append(list(command)))
    return commands


PLAN = Plan(("docker.io", "docker-cli"))
SUDO = {**APT, "sudo": "/usr/bin/sudo"}


def agree(_question: str) -> bool:
    """Say yes."""
    return True


def decline(_question: str) -> bool:
    """Say no."""
    return False


def test_root_installs_without_a_question(machine: Callable[..., Any], ran: list[list[str]]) -> None:
    said: list[str] = []
    install.install(
        machine(uid=0, programs=APT), PLAN, no_install=False, confirm=decline, progress=said.append
    )
    assert said == ["Installing a container engine from this system's packages: docker.io, docker-cli"]
    assert [command[-1] for command in ran] == ["update", "docker-cli"]
    assert {"--yes", "--no-install-recommends", "--no-remove"} <= {*ran[1]}


def test_no_install_refuses_with_the_command(machine: Callable[..., Any], ran: list[list[str]]) -> None:
    with pytest.raises(EngineError, match="--no-install forbids") as caught:
        install.install(machine(uid=0), PLAN, no_install=True, confirm=agree, progress=print)
    assert "sudo apt-get update && sudo apt-get install docker.io docker-cli" in caught.value.remedy
    assert ran == []


def test_a_user_is_asked_once_and_joins_the_group(machine: Callable[..., Any], ran: list[list[str]]) -> None:
    asked: list[str] = []
    platform = machine(programs=SUDO, terminal=True, environ={"USER": "ada"})

    def confirm(question: str) -> bool:
        asked.append(question)
        return True

    install.install(platform, PLAN, no_install=False, confirm=confirm, progress=lambda _: None)
    assert len(asked) == 1
    assert "you join the group docker" in asked[0]
    assert ran[-1] == ["usermod", "--append", "--groups", "docker", "ada"]


@pytest.mark.parametrize(
    ("programs", "terminal", "confirm", "reason"),
    [
        (APT, True, agree, "only root can install"),
        (SUDO, False, agree, "only root can install"),
        (SUDO, True, decline, "did not agree"),
    ],
)
def test_a_user_who_may_not_or_will_not_is_told_the_command(
    machine: Callable[..., Any],
    ran: list[list[str]],
    programs: dict[str, str],
    terminal: bool,
    confirm: Callable[[str], bool],
    reason: str,
) -> None:
    platform = machine(programs=programs, terminal=terminal)
    with pytest.raises(EngineError, match=reason) as caught:
        install.install(platform, PLAN, no_install=False, confirm=confirm, progress=print)
    assert "apt-get install docker.io docker-cli" in caught.value.remedy
    assert ran == []


def test_an_engine_with_containers_is_not_restarted_without_asking(
    machine: Callable[..., Any], ran: list[list[str]]
) -> None:
    plan = Plan(("docker.io",), replaces=True)
    with pytest.raises(EngineError, match="you did not agree to restart the engine"):
        install.install(machine(uid=0), plan, no_install=False, confirm=decline, progress=print)
    assert ran == []


def test_an_archive_that_fails_does_not_stop_the_installation(
    machine: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(command: Sequence[str], **_: Any) -> None:
        ran.append(command[-1])
        if command[-1] == "update":
            raise EngineError("`apt-get update` failed (exit code 100).")

    monkeypatch.setattr(apt, "run", run)
    said: list[str] = []
    install.install(machine(uid=0), PLAN, no_install=False, confirm=agree, progress=said.append)
    assert ran == ["update", "docker-cli"]
    assert said[-1].endswith("Continuing with the package lists on this machine.")


DEB822 = """
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

# switched off
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/key.gpg
"""
ONE_LINE = """
# deb http://off.example/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb [arch=amd64,arm64 signed-by=/k.gpg] http://one.example/debian bookworm main non-free # the mirror
deb-src http://one.example/debian bookworm main
deb http://other.example/apt stable main
deb http://flat.example/ ./
"""


def test_both_forms_of_sources_are_read(machine: Callable[..., Any]) -> None:
    files = {"/etc/apt/sources.list": ONE_LINE, "/etc/apt/sources.list.d/debian.sources": DEB822}
    sources = apt.read_sources(machine(files=files))
    assert [source.uris[0].split("/")[2] for source in sources] == [
        "one.example",
        "other.example",
        "flat.example",
        "mirror.example",
        "mirror.example",
    ]
    assert sources[0].options == (("Architectures", "amd64 arm64"), ("Signed-By", "/k.gpg"))
    assert sources[0].components == ("main", "non-free")


def test_borrowing_adds_the_next_release_to_the_machines_own_archive(machine: Callable[..., Any]) -> None:
    files = {"/etc/apt/sources.list": ONE_LINE, "/etc/apt/sources.list.d/debian.sources": DEB822}
    found = borrowed_sources(apt.read_sources(machine(files=files)))
    assert [(source.uris[0], source.suites) for source in found] == [
        ("http://one.example/debian", ("bookworm", "trixie")),
        ("http://mirror.example/debian", ("bookworm", "bookworm-updates", "trixie")),
        ("http://mirror.example/debian-security", ("bookworm-security",)),
    ]
    assert (
        found[1]
        .deb822()
        .endswith(
            "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n"
        )
    )


def test_a_machine_without_an_archive_of_its_release_says_so(machine: Callable[..., Any]) -> None:
    plan = Plan(("docker.io",), ("docker.io",))
    with pytest.raises(EngineError, match="offers bookworm"), apt_options(machine(), plan):
        pass


def test_borrowing_leaves_nothing_behind_and_touches_no_file_of_the_users(
    machine: Callable[..., Any],
) -> None:
    plan = Plan(("docker.io", "runc"), ("docker.io",))
    with apt_options(machine(files={"/etc/apt/sources.list": ONE_LINE}), plan) as words:
        options = dict(word.split("=", 1) for word in words if word != "-o")
        folder = Path(options["Dir::State::Lists"]).parent
        pins = (folder / "preferences" / "drydock").read_text()
        assert folder.stat().st_mode & 0o777 == 0o755
    assert not folder.exists()
    assert options["Dir::Etc::SourceList"] == "/dev/null"
    assert options["Dir::Cache::pkgcache"] == ""
    assert pins.startswith("Package: *\nPin: release n=trixie\nPin-Priority: -1\n")
    assert "Package: docker.io\n" in pins

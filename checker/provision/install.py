"""Installs the engine from the distribution's packages: on Debian and Ubuntu, as root or with sudo."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import EngineError
from checker.provision import apt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checker.engine.platform import Platform

DEBIAN = ("docker.io", "docker-cli", "docker-compose", "docker-buildx")
UBUNTU = ("docker.io", "docker-compose-v2", "docker-buildx")
FROM_DOCKER = ("docker-ce", "docker-ce-cli", "docker-compose-plugin", "docker-buildx-plugin")
"""Docker's own packages: if its engine is installed, its plugins are used too."""
BESIDE = ("containerd", "runc", "iptables", "ca-certificates")
"""What these packages need; listed because recommended packages are not installed."""
BASE_BUILDER = ("mmdebstrap",)
"""Makes the images' Debian base if it cannot be pulled."""

BACKPORTED = "bookworm"
"""Debian 12: its own engine (20.10) cannot run privileged containers if CAP_SYS_RESOURCE is missing, and has no compose
plugin. The engine of the next release works with Debian 12's containerd and runc (the next release's runc needs a newer
C library)."""
BACKPORTED_FROM = "trixie"


@dataclass(frozen=True)
class Release:
    """Which distribution this is, from os-release(5)."""

    id: str
    like: tuple[str, ...]
    version: str
    codename: str
    name: str

    @property
    def is_ubuntu(self) -> bool:
        """Whether it is Ubuntu, or based on it (Mint, Pop!_OS)."""
        return self.id == "ubuntu" or "ubuntu" in self.like

    @property
    def debian(self) -> int | None:
        """Debian's release number; testing and unstable have no number yet and count as 99."""
        if self.id not in {"debian", "raspbian"}:
            return None
        return int(self.version) if self.version.isdigit() else 99


@dataclass(frozen=True)
class Plan:
    """What will be installed, and which packages come from another release than the machine's own."""

    packages: tuple[str, ...]
    borrowed: tuple[str, ...] = ()
    """Those that come from the next release."""
    purpose: str = "a container engine"
    replaces: bool = False
    """Whether an installed engine gets a newer version, and so is restarted."""

    @property
    def sentence(self) -> str:
        """What the person reads."""
        own = ", ".join(name for name in self.packages if name not in self.borrowed)
        if not self.borrowed:
            return f"Installing {self.purpose} from this system's packages: {own}"
        return (
            f"Installing {self.purpose}: {', '.join(self.borrowed)} from Debian 13 ({BACKPORTED_FROM}); "
            f"from this system's own packages {own or 'none'}; nothing else changes"
        )


def read_release(platform: Platform) -> Release:
    """Return which distribution this is; without an os-release file, the name is empty."""
    text = platform.read(Path("/etc/os-release")) or platform.read(Path("/usr/lib/os-release")) or ""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    fields = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    return Release(
        fields.get("ID", ""),
        tuple(fields.get("ID_LIKE", "").split()),
        fields.get("VERSION_ID", ""),
        fields.get("VERSION_CODENAME", ""),
        fields.get("PRETTY_NAME", ""),
    )


def make_plan(
    platform: Platform, installed: Callable[[Sequence[str]], set[str]] = apt.installed
) -> Plan | None:
    """Return what is missing for an engine and its client; None on systems where we install nothing.

    A plan without packages means that nothing is missing.
    """
    release = read_release(platform)
    if platform.which("apt-get") is None:
        return None
    family: tuple[str, ...]
    if release.is_ubuntu:
        family = UBUNTU
    elif release.debian is not None and release.debian >= 12:
        family = DEBIAN
    else:
        return None
    present = installed([*family, *FROM_DOCKER, *BESIDE, *BASE_BUILDER])
    if "docker-ce" in present:
        wanted: tuple[str, ...] = (*FROM_DOCKER, *BASE_BUILDER)
        borrowed: tuple[str, ...] = ()
    else:
        wanted = (*family, *BESIDE, *BASE_BUILDER)
        borrowed = family if release.codename == BACKPORTED else ()
    missing = tuple(name for name in wanted if name not in present)
    # The four belong together: we must not combine a client of 2024 with an engine of 2020.
    if borrowed and any(name in missing for name in borrowed):
        missing = (*borrowed, *(name for name in missing if name not in borrowed))
    return Plan(
        missing,
        tuple(name for name in borrowed if name in missing),
        replaces="docker.io" in (present & {*missing}),
    )


def install(
    platform: Platform,
    plan: Plan,
    *,
    no_install: bool,
    confirm: Callable[[str], bool],
    progress: Callable[[str], None],
) -> None:
    """Say what will be installed, and install it; a user who is not root is asked first.

    Raises:
        EngineError: it is forbidden, the person did not agree, or it failed; has the command for the person to run.
    """
    if not plan.packages:
        return
    by_hand = _by_hand(plan)
    if no_install:
        raise EngineError(f"{_missing(plan)}, and --no-install forbids installing it.", remedy=by_hand)
    if not platform.is_root:
        if platform.which("sudo") is None or not platform.has_terminal:
            raise EngineError(f"{_missing(plan)}, and only root can install it.", remedy=by_hand)
        question = f"{plan.sentence}; you join the group docker. Do this now, with sudo?"
        if not confirm(question):
            raise EngineError(f"{_missing(plan)}, and you did not agree to install it.", remedy=by_hand)
    elif plan.replaces and not confirm(
        f"{plan.sentence}. This restarts the engine and its containers. Continue?"
    ):
        raise EngineError(
            f"{_missing(plan)}, and you did not agree to restart the engine for it.", remedy=by_hand
        )
    progress(plan.sentence)
    with apt_options(platform, plan) as options:
        base = ["apt-get", *options, "-o", f"DPkg::Lock::Timeout={apt.LOCK_SECONDS:.0f}"]
        try:
            apt.run([*base, "update"], root=platform.is_root, progress=progress)
        except EngineError as error:
            # The archive that does not answer may not be the one that we need.
            if plan.borrowed:
                raise
            progress(f"{error.what} Continuing with the package lists on this machine.")
        wanted = ["install", "--yes", "--no-install-recommends", "--no-remove", *plan.packages]
        apt.run([*base, *wanted], root=platform.is_root, progress=progress)
        if not platform.is_root and (user := platform.environ.get("USER")):
            apt.run(["usermod", "--append", "--groups", "docker", user], root=False, progress=progress)


@contextmanager
def apt_options(platform: Platform, plan: Plan) -> Iterator[list[str]]:
    """Yield the options that make apt use the next release for these packages only, and only in this run.

    They use the machine's own archives, with the next release's suite added, from a temporary folder: the user's apt
    configuration and package lists do not change.
    """
    if not plan.borrowed:
        yield []
        return
    sources = borrowed_sources(apt.read_sources(platform))
    if not sources:
        raise EngineError(
            f"No archive of this machine's apt configuration offers {BACKPORTED}.",
            remedy="See /etc/apt/sources.list and /etc/apt/sources.list.d, or install Docker's own packages by hand.",
        )
    with tempfile.TemporaryDirectory(prefix="drydock-apt-") as name:
        folder = Path(name)
        # apt downloads as the user _apt, who must be able to enter the folder.
        folder.chmod(0o755)
        for part in ("sources", "preferences", "lists/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "sources" / "drydock.sources").write_text("\n".join(source.deb822() for source in sources))
        (folder / "preferences" / "drydock").write_text(preferences(plan.borrowed))
        yield [
            word
            for option in (
                "Dir::Etc::SourceList=/dev/null",
                f"Dir::Etc::SourceParts={folder / 'sources'}",
                f"Dir::Etc::PreferencesParts={folder / 'preferences'}",
                f"Dir::State::Lists={folder / 'lists'}",
                # Without these two, apt would overwrite the binary form of the user's lists.
                "Dir::Cache::pkgcache=",
                "Dir::Cache::srcpkgcache=",
            )
            for word in ("-o", option)
        ]


def borrowed_sources(sources: Sequence[apt.Source]) -> list[apt.Source]:
    """Return the machine's archives of its own release, each with the next release added."""
    found: list[apt.Source] = []
    for source in sources:
        kept = [suite for suite in source.suites if suite.partition("-")[0].partition("/")[0] == BACKPORTED]
        if "main" not in source.components or not kept:
            continue
        suites = [*kept, BACKPORTED_FROM] if BACKPORTED in kept else kept
        found.append(source.only(*suites))
    return found if any(BACKPORTED_FROM in source.suites for source in found) else []


def preferences(borrowed: Sequence[str]) -> str:
    """Return pins (apt_preferences(5)) that let only these packages come from the next release."""
    return (
        f"Package: *\nPin: release n={BACKPORTED_FROM}\nPin-Priority: -1\n\n"
        f"Package: {' '.join(borrowed)}\nPin: release n={BACKPORTED_FROM}\nPin-Priority: 990\n"
    )


def _missing(plan: Plan) -> str:
    return f"This machine lacks {plan.purpose} ({', '.join(plan.packages)})"


def _by_hand(plan: Plan) -> str:
    """Return the command for the person to run; for packages of the next release, the configuration is too long."""
    if plan.borrowed:
        return (
            "Run `sudo ./lab up`, which installs it, or install an engine yourself "
            "(Docker's own packages: docker-ce docker-compose-plugin docker-buildx-plugin)."
        )
    packages = " ".join(plan.packages)
    return f"Run `sudo ./lab up`, which installs it, or `sudo apt-get update && sudo apt-get install {packages}`."

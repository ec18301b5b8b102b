"""Debian's package manager: what is installed, from which archives, and how to run it as root and behind its lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checker.engine.platform import Platform

LOCK_SECONDS = 300.0
"""A machine that has just started upgrades itself for a few minutes."""
POLL_SECONDS = 0.5
LOG_LINES = 12
DPKG_LOCK = Path("/var/lib/dpkg/lock-frontend")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "APT_LISTCHANGES_FRONTEND": "none"}


@dataclass(frozen=True)
class Source:
    """One archive of the machine's apt configuration: its addresses, suites, components and options."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()
    """Other deb822 fields and values, such as Signed-By."""

    def deb822(self) -> str:
        """Return the source as a paragraph of a .sources file (sources.list(5))."""
        lines = ["Types: deb", f"URIs: {' '.join(self.uris)}", f"Suites: {' '.join(self.suites)}"]
        if self.components:
            lines.append(f"Components: {' '.join(self.components)}")
        lines += [f"{name}: {value}".replace(": \n", ":\n") for name, value in self.options]
        return "\n".join(lines) + "\n"

    def only(self, *suites: str) -> Source:
        """Return the same archive with other suites."""
        return replace(self, suites=suites)


def read_sources(platform: Platform, folder: Path = Path("/etc/apt")) -> list[Source]:
    """Return the machine's binary archives, from both forms of apt's source files."""
    found: list[Source] = []
    for file in [folder / "sources.list", *platform.files(folder / "sources.list.d", "*.list")]:
        found += _parse_one_line(platform.read(file) or "")
    for file in platform.files(folder / "sources.list.d", "*.sources"):
        found += _parse_deb822(platform.read(file) or "")
    return found


_ONE_LINE = re.compile(
    r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)"
)
_ONE_LINE_OPTIONS = {
    "arch": "Architectures",
    "signed-by": "Signed-By",
    "trusted": "Trusted",
    "lang": "Languages",
}


def _parse_one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = _ONE_LINE.match(line.strip())
        if not match or match["uri"].startswith("cdrom:"):
            continue
        pairs = (option.partition("=") for option in (match["options"] or "").split())
        options = tuple(
            (_ONE_LINE_OPTIONS.get(name.lower(), name.title()), value.replace(",", " "))
            for name, _, value in pairs
        )
        yield Source((match["uri"],), (match["suite"],), tuple(match["components"].split()), options)


def _parse_deb822(text: str) -> Iterator[Source]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        # A value continues in lines that begin with a space, for example a complete key.
        fields = {
            name.lower(): value.strip(" \t")
            for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", paragraph, flags=re.MULTILINE)
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {
            "no",
            "false",
        }:
            continue
        known = ("types", "uris", "suites", "components", "enabled")
        yield Source(
            tuple(fields.get("uris", "").split()),
            tuple(fields.get("suites", "").split()),
            tuple(fields.get("components", "").split()),
            tuple((name.title(), value) for name, value in fields.items() if name not in known),
        )


def installed(names: Sequence[str]) -> set[str]:
    """Return those of the packages that are installed."""
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    pairs = (line.split() for line in done.stdout.splitlines())
    return {pair[0] for pair in pairs if len(pair) == 2 and pair[1] == "installed"}


def run(command: Sequence[str], *, root: bool, progress: Callable[[str], None]) -> None:
    """Run apt-get as root (with sudo if we are not root), once no other program holds dpkg's lock.

    Raises:
        EngineError: it failed, or another program held the lock too long; has the last lines of its output.
    """
    if root:
        _await_lock(progress, DPKG_LOCK)
    prefix = [] if root else ["sudo", "--", "env", *(f"{name}={value}" for name, value in QUIET.items())]
    last: deque[str] = deque(maxlen=LOG_LINES)
    with subprocess.Popen(
        [*prefix, *command],
        env={**os.environ, **QUIET},
        stdin=subprocess.DEVNULL if root else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        # There is no time limit: apt itself gives up if an archive does not answer.
        for line in child.stdout or ():
            if line.strip():
                last.append(line.rstrip())
        code = child.wait()
    if code != 0:
        text = "\n".join(last)
        raise EngineError(
            f"`{_short(command)}` failed (exit code {code}).",
            remedy=next((remedy for sign, remedy in _SIGNS if sign in text.lower()), _BY_HAND),
            detail=text,
        )


_BY_HAND = "Repair it yourself (`apt-get update`, `apt-get --fix-broken install`), and try again."
_SIGNS = (
    ("could not get lock", "Another package manager is running; wait until it has finished, and try again."),
    ("no space left", "Free some disk space (`apt-get clean`, `df -h`) and try again."),
    (
        "dpkg was interrupted",
        "An earlier installation was interrupted: run `dpkg --configure -a`, and try again.",
    ),
    (
        "held broken packages",
        "Packages on this machine are held back or from another archive (`apt-mark showhold`).",
    ),
    (
        "unable to locate package",
        "This machine's package sources do not have it; see /etc/apt/sources.list.d.",
    ),
    (
        "temporary failure resolving",
        "This machine cannot reach its package archive; check its network and proxy.",
    ),
    ("could not connect", "This machine cannot reach its package archive; check its network and proxy."),
    (
        "certificate verification failed",
        "The network inspects TLS: install its CA certificate on this machine.",
    ),
)


def _short(command: Sequence[str]) -> str:
    """Return the command without its -o options."""
    words = iter(command)
    return " ".join(word for word in words if word != "-o" or not next(words, None))


def _await_lock(progress: Callable[[str], None], file: Path) -> None:
    """Wait until no program holds dpkg's lock; right after that, apt takes the lock itself."""
    deadline = time.monotonic() + LOCK_SECONDS
    told = False
    while (holder := lock_holder(file)) is not None:
        if not told:
            progress(f"Waiting for another package manager to finish ({holder})")
            told = True
        if time.monotonic() > deadline:
            raise EngineError(
                f"Another package manager ({holder}) has held its lock for {LOCK_SECONDS:.0f} s.",
                remedy="Wait until it has finished, or stop it, and try again.",
            )
        time.sleep(POLL_SECONDS)


def lock_holder(file: Path) -> str | None:
    """Return which program holds a lock file of dpkg ("apt-get, process 123"), or None."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _owner(os.fstat(descriptor).st_ino)
    else:
        return None
    finally:
        os.close(descriptor)


def _owner(inode: int) -> str:
    """Find the process in /proc/locks, whose lines read `1: POSIX ADVISORY WRITE PID MAJ:MIN:INODE START END`."""
    with contextlib.suppress(OSError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[5].endswith(f":{inode}"):
                name = Path(f"/proc/{fields[4]}/comm").read_text().strip()
                return f"{name}, process {fields[4]}"
    return "an unknown process"

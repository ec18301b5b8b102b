"""The machines of a room: their platforms, as wheels and markers name them, and their versions of Python."""

from __future__ import annotations

import platform as this_machine
import sys
from dataclasses import dataclass

from checker.errors import MisuseError


@dataclass(frozen=True)
class Platform:
    """A kind of machine in a room.

    Args:
        name: what it is called here.
        tags: the tags of wheels that it takes.
        marker: what the markers of requirements ask for.
    """

    name: str
    tags: tuple[str, ...]
    marker: tuple[tuple[str, str], ...]


def _marker(system: str, machine: str) -> tuple[tuple[str, str], ...]:
    names = {"Linux": ("linux", "posix"), "Darwin": ("darwin", "posix"), "Windows": ("win32", "nt")}
    return (
        ("platform_system", system),
        ("sys_platform", names[system][0]),
        ("os_name", names[system][1]),
        ("platform_machine", machine),
    )


def _linux(machine: str) -> tuple[str, ...]:
    return (*(f"manylinux_2_{minor}_{machine}" for minor in (34, 28, 17)), f"manylinux2014_{machine}")


PLATFORMS = {
    each.name: each
    for each in (
        Platform("linux-x86_64", _linux("x86_64"), _marker("Linux", "x86_64")),
        Platform("linux-aarch64", _linux("aarch64"), _marker("Linux", "aarch64")),
        Platform("macos-arm64", ("macosx_14_0_arm64", "macosx_14_0_universal2"), _marker("Darwin", "arm64")),
        Platform(
            "macos-x86_64", ("macosx_14_0_x86_64", "macosx_14_0_universal2"), _marker("Darwin", "x86_64")
        ),
        Platform("windows-amd64", ("win_amd64",), _marker("Windows", "AMD64")),
    )
}
"""The machines that a bundle can be for."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def this_platform() -> str:
    """Return the name of this machine's platform."""
    machine = this_machine.machine().lower()
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(this_machine.system(), "")
    return next((name for name in PLATFORMS if name == f"{system}-{machine}"), "linux-x86_64")


def wanted(platforms: str, pythons: str) -> tuple[list[Platform], list[str]]:
    """Read lists with commas of platforms and of versions of Python; empty ones mean this machine's.

    Raises:
        MisuseError: one is not known; the message lists those that are.
    """
    names = [each.strip() for each in platforms.split(",") if each.strip()] or [this_platform()]
    versions = [each.strip() for each in pythons.split(",") if each.strip()] or [
        f"{sys.version_info.major}.{sys.version_info.minor}"
    ]
    if unknown := [name for name in names if name not in PLATFORMS]:
        raise MisuseError(
            f"There is no platform `{unknown[0]}`.", remedy=f"Platforms: {', '.join(PLATFORMS)}."
        )
    if unknown := [version for version in versions if version not in PYTHONS]:
        raise MisuseError(
            f"`{unknown[0]}` is no version of Python for the course.", remedy=f"Use {', '.join(PYTHONS)}."
        )
    return [PLATFORMS[name] for name in names], versions

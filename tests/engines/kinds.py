"""The engines that learners have and the course's own machines have not: how each is had, and what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.course.catalogue import Lab


@dataclass(frozen=True)
class Kind:
    """One engine in one setting.

    Args:
        name: what `--engine` calls it.
        title: what the page calls it.
        target: the stage of machine/Dockerfile that has it.
        words: further words for the engine's command line.
        user: as whom `lab` is run on it.
        lacks: what labs need and it has not, in the words of lab.toml, each with what `lab start` must say of it.
    """

    name: str
    title: str
    target: str
    words: tuple[str, ...] = ()
    user: str = "root"
    lacks: tuple[tuple[str, str], ...] = ()

    @property
    def command(self) -> str:
        """What machine/machine-start calls it."""
        if self.target.startswith("podman"):
            return "podman"
        return "rootless" if self.user != "root" else "docker"

    def must_refuse(self, lab: Lab) -> str:
        """Return what `lab start` must say of a lab that this engine cannot run; empty for all others."""
        return next((said for need, said in self.lacks if need in lab.toml.needs), "")


_NO_GROUPS = "this engine has no cgroups"

KINDS = (
    Kind("28", "Docker Engine 28", "docker-28"),
    Kind(
        "28c",
        "Docker Engine 28 with containerd's store",
        "docker-28",
        ("--feature=containerd-snapshotter=true",),
    ),
    Kind(
        "28r",
        "Docker Engine 28, rootless, without cgroups",
        "docker-28-rootless",
        user="learner",
        lacks=(("privileged", _NO_GROUPS), ("limits", _NO_GROUPS)),
    ),
    Kind("29", "Docker Engine 29", "docker-29"),
    Kind("podman", "Podman 5", "podman-5", lacks=(("builder", "has no BuildKit"),)),
)
"""In the order of the page."""


def chosen(names: str) -> tuple[Kind, ...]:
    """Return engines by their names, with commas between them; all of them for an empty text.

    Raises:
        ValueError: there is no such engine.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {kind.name: kind for kind in KINDS}
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"there is no engine `{unknown[0]}`; engines: {', '.join(known)}")
    return tuple(kind for kind in KINDS if not wanted or kind.name in wanted)

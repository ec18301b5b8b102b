"""A machine for tests: any system, with the sockets, files and programs that a test names."""

# The methods are described where they are first defined.
# ruff: noqa: D102

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.engine.platform import Platform, Reach, System

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Machine(Platform):
    """A platform whose every fact is given."""

    sockets: dict[str, Reach] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)
    terminal: bool = False

    @property
    def has_terminal(self) -> bool:
        return self.terminal

    def exists(self, path: Path) -> bool:
        return any(name == str(path) or name.startswith(f"{path}/") for name in self.contents)

    def read(self, path: Path) -> str | None:
        return self.contents.get(str(path))

    def files(self, folder: Path, pattern: str) -> list[Path]:
        here = (Path(name) for name in self.contents)
        return sorted(path for path in here if path.parent == folder and fnmatch(path.name, pattern))

    def is_program(self, path: Path) -> bool:
        return str(path) in self.contents

    def resolve(self, path: Path) -> Path:
        return Path(self.contents[str(path)]) if self.contents.get(str(path), "").startswith("/") else path

    def stamp(self, path: Path) -> str:
        return self.contents.get(str(path), "")

    def which(self, program: str) -> Path | None:
        return Path(self.programs[program]) if program in self.programs else None

    def reach(self, path: Path) -> Reach:
        return self.sockets.get(str(path), Reach.ABSENT)

    def reach_pipe(self, name: str) -> Reach:
        return self.sockets.get(name, Reach.ABSENT)


HOMES = {System.LINUX: "/home/ada", System.MACOS: "/Users/ada", System.WINDOWS: "C:/Users/ada"}


@pytest.fixture
def machine() -> Callable[..., Machine]:
    """Make a machine; what is not given is not there."""

    def make(
        system: System = System.LINUX,
        *,
        sockets: dict[str, Reach] | None = None,
        files: dict[str, str] | None = None,
        programs: dict[str, str] | None = None,
        environ: dict[str, str] | None = None,
        uid: int = 1000,
        terminal: bool = False,
    ) -> Machine:
        return Machine(
            system=system,
            environ=environ or {},
            home=Path(HOMES[system]),
            uid=uid,
            sockets=sockets or {},
            contents=files or {},
            programs=programs or {},
            terminal=terminal,
        )

    return make

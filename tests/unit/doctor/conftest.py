"""A machine for the doctor's tests: any system and any engine, of which a test names what differs."""

# The methods do what the engine's do.
# ruff: noqa: D102, ARG002

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from checker.course.catalogue import Lab
from checker.course.model import LabToml, Part, Step
from checker.course.places import Places
from checker.doctor.machine import Machine
from checker.engine.api import Engine, NotFoundError, RefusedError
from checker.engine.endpoint import Endpoint
from checker.engine.platform import Platform, Reach, System

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checker.errors import EngineError

INFO: dict[str, Any] = {
    "OSType": "linux",
    "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
    "Architecture": "x86_64",
    "KernelVersion": "6.12.0",
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "MemTotal": 8_000_000_000,
    "NCPU": 4,
    "Driver": "overlay2",
    "DockerRootDir": "/var/lib/docker",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "IndexServerAddress": "https://registry.example/v1/",
}
VERSION: dict[str, Any] = {"Version": "28.1.0", "ApiVersion": "1.49", "Os": "linux"}


@dataclass(frozen=True)
class FakePlatform(Platform):
    """A platform whose every fact is given."""

    sockets: Mapping[str, Reach] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)

    def exists(self, path: Path) -> bool:
        return str(path) in self.contents

    def read(self, path: Path) -> str | None:
        return self.contents.get(str(path))

    def files(self, folder: Path, pattern: str) -> list[Path]:
        return []

    def is_program(self, path: Path) -> bool:
        return False

    def which(self, program: str) -> Path | None:
        return None

    def reach(self, path: Path) -> Reach:
        return self.sockets.get(str(path), Reach.ABSENT)

    def reach_pipe(self, name: str) -> Reach:
        return self.sockets.get(name, Reach.ABSENT)


class FakeEngine:
    """An engine that answers what it is told to; what containers print is `printed`."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("unix:///var/run/docker.sock", "socket of Docker")
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.refusals: dict[str, EngineError] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.printed: Callable[[dict[str, Any]], str] = lambda _: ""
        self.made: list[str] = []
        self.clock = SimpleNamespace(now=lambda: 0.0)
        self._body: dict[str, Any] = {}

    def refuse(self, path: str, why: str, status: int = 500) -> None:
        """Refuse what begins with a path."""
        remedy = "a socket proxy" if status == 403 else ""
        self.refusals[path] = (
            NotFoundError(why) if status == 404 else RefusedError(why, status, remedy=remedy)
        )

    def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        for beginning, error in self.refusals.items():
            if path.startswith(beginning):
                raise error
        if path.endswith("/create"):
            self._body = body if path.startswith("/containers") else self._body
            self.made.append(path.split("/")[1])
            return {"Id": f"{path.split('/')[1]}-made"}
        if path.endswith("/wait"):
            return {"StatusCode": 0}
        if method == "GET":
            return self.records.get(path, {})
        if method == "DELETE":
            self.made.remove(path.split("/")[1])
        return None

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        wanted = labels or {}
        return [
            item
            for item in self.lists.get(kind, [])
            if all(
                key in item["Labels"] and value in {"", item["Labels"][key]} for key, value in wanted.items()
            )
        ]

    def events(self, **_: Any) -> Any:
        self.request("GET", "/events")
        return iter(())

    def inspect(self, name: str) -> dict[str, Any]:
        return self.records[name]

    def image(self, reference: str) -> dict[str, Any] | None:
        return self.records.get(reference)

    def logs(self, _name: str, _tail: int = 20) -> str:
        return self.printed(self._body)


def make_lab(folder: Path, **fields: Any) -> Lab:
    """Return a lab of which a test needs no more than its needs and ports."""
    toml = LabToml(
        title="A lab", claim="It runs.", summary="A lab", part=Part.CONTAINERS, minutes=5,
        steps=(Step(title="Run it"),), **fields,
    )  # fmt: skip
    return Lab(folder, toml)


@pytest.fixture
def platform() -> type[FakePlatform]:
    """Make a platform of which a test names what is there."""
    return FakePlatform


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with nothing in it."""
    return FakeEngine()


@pytest.fixture
def machine(tmp_path: Path, engine: FakeEngine) -> Callable[..., Machine]:
    """Make a healthy Linux machine, changed as a test says."""
    (tmp_path / "labs").mkdir()

    def make(
        system: System = System.LINUX,
        *,
        info: dict[str, Any] | None = None,
        version: dict[str, Any] | None = None,
        files: dict[str, str] | None = None,
        images: tuple[dict[str, Any], ...] = (),
        labs: tuple[dict[str, Any], ...] = (),
        **changes: Any,
    ) -> Machine:
        platform = FakePlatform(
            system=system, environ={}, home=Path("/home/ada"), uid=1000, contents=files or {}
        )
        found = Machine(
            platform,
            Places(tmp_path, tmp_path),
            labs=tuple(
                make_lab(tmp_path / "labs" / f"{number:02}-lab", **fields)
                for number, fields in enumerate(labs, start=1)
            ),
            endpoint=engine.endpoint,
            engine=cast("Engine", engine),
            version={**VERSION, **(version or {})},
            info={**INFO, **(info or {})},
            images=images,
        )
        return replace(found, **changes)

    return make

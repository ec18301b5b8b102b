"""A small course with images of its own, and an engine that is a dictionary."""

# ruff: noqa: D102

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import pytest

from checker.course.places import Places
from checker.engine.api import NotFoundError, RefusedError
from checker.images import process, pull
from checker.images.store import Store
from checker.images.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DIGEST = "sha256:" + "0" * 64
TOML = f"""
[bases.trixie]
image = "debian:trixie-slim"
digest = "{DIGEST}"

[images.hello]
summary = "says hello"
base = "trixie"
tags."1.0" = {{ args = {{ VERSION = "1.0" }} }}
tags."2.0" = {{ args = {{ VERSION = "2.0" }} }}

[images.more]
summary = "stands on hello"
base = "hello:1.0"
tags."1.0" = {{}}
"""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    for name in ("DRYDOCK_STATE", "DRYDOCK_REGISTRY", "DRYDOCK_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "course"
    for name in ("hello", "more"):
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (root / "labs").mkdir()
    (root / "images" / "images.toml").write_text(TOML)
    return Places(root, root)


class FakeEngine:
    """Knows images by name; refuses to delete those in use."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.volumes: list[dict[str, Any]] = []
        self.containers: list[dict[str, Any]] = []
        self.arch = "amd64"
        self.parts: list[dict[str, str]] = [{"Name": "Engine"}]

    def add(
        self,
        identity: str,
        *references: str,
        labels: dict[str, str] | None = None,
        digests: tuple[str, ...] = (),
    ) -> None:
        self.images[identity] = {
            "Id": identity,
            "RepoTags": list(references),
            "RepoDigests": list(digests),
            "Labels": labels or {},
            "Config": {"Labels": labels or {}},
            "Size": 1_000_000,
        }

    def _find(self, reference: str) -> dict[str, Any] | None:
        for identity, image in self.images.items():
            if reference in {identity, *image["RepoTags"], *image["RepoDigests"]}:
                return image
        return None

    def get(self, path: str, **_query: Any) -> Any:
        known: dict[str, Any] = {
            "/info": {"ID": "engine"},
            "/version": {"Os": "linux", "Arch": self.arch, "Components": self.parts},
        }
        return known[path] if path != "/images/json" else list(self.images.values())

    def image(self, reference: str) -> dict[str, Any] | None:
        return self._find(reference)

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        labels = labels or {}
        if kind == "volumes":
            return [volume for volume in self.volumes if set(labels) <= set(volume["Labels"])]
        if kind == "containers":
            return self.containers
        return [image for image in self.images.values() if set(labels) <= set(image["Labels"])]

    def request(self, method: str, path: str, *, seconds: float) -> None:
        assert method == "DELETE"
        assert seconds >= 60, "removing an image takes long on a busy disk"
        if path.startswith("/volumes/"):
            self._remove_volume(unquote(path.removeprefix("/volumes/")))
            return
        reference = unquote(path.removeprefix("/images/"))
        image = self._find(reference)
        if image is None:
            raise NotFoundError(reference)
        if image["Id"] in self.used:
            raise RefusedError("in use", 409)
        if reference in image["RepoTags"]:
            image["RepoTags"].remove(reference)
        if not image["RepoTags"]:
            del self.images[image["Id"]]

    def _remove_volume(self, name: str) -> None:
        if any(mount.get("Name") == name for item in self.containers for mount in item["Mounts"] or ()):
            raise RefusedError("in use", 409)
        if name not in {volume["Name"] for volume in self.volumes}:
            raise NotFoundError(name)
        self.volumes = [volume for volume in self.volumes if volume["Name"] != name]

    def post(self, path: str, *, repo: str, tag: str) -> None:
        image = self._find(unquote(path.removeprefix("/images/").removesuffix("/tag")))
        assert image is not None
        for other in self.images.values():
            if f"{repo}:{tag}" in other["RepoTags"]:
                other["RepoTags"].remove(f"{repo}:{tag}")
        image["RepoTags"].append(f"{repo}:{tag}")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


class FakeDocker:
    """The docker command: each call is answered by what the test says, and may change the engine."""

    path = Path("docker")

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.calls: list[list[str]] = []
        self.layers: list[bytes] = []
        """The layers of the image that was loaded last."""
        self.registry: dict[str, dict[str, str]] = {}
        """What can be pulled: references and their labels."""
        self.answers: dict[str, tuple[int, str]] = {"pull": (1, "dial tcp: lookup registry: no such host")}
        """Exit code and output by verb, for what goes wrong."""

    def command(self, *args: str) -> list[str]:
        return [str(self.path), *args]

    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": "unix:///fake.sock"}

    def run(
        self,
        command: Sequence[str],
        log: Path,
        *,
        silence: float,  # noqa: ARG002
        environment: Mapping[str, str] | None = None,  # noqa: ARG002
        each_line: Callable[[str], None] = lambda _line: None,
        **_: object,
    ) -> process.Ended:
        """Stand in for `process.run`."""
        self.calls.append(list(command))
        verb = command[1] if command[0] == "docker" else command[0]
        code, output = self._answer(verb, list(command))
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(output)
        for line in output.splitlines():
            each_line(line)
        return process.Ended(code, tuple(output.splitlines()), log)

    def _answer(self, verb: str, command: list[str]) -> tuple[int, str]:
        if verb == "pull" and command[-1] in self.registry:
            self.engine.add(
                f"sha256:pulled-{len(self.calls)}", command[-1], labels=self.registry[command[-1]]
            )
            return 0, ""
        if verb in self.answers:
            return self.answers[verb]
        if verb == "build":
            labels = dict(_values(command, "--label"))
            self._name(_after(command, "--tag"), f"sha256:built-{len(self.calls)}", labels)
        elif verb == "import":
            self._name(command[-1], f"sha256:base-{len(self.calls)}", {})
        elif verb == "save":
            Path(_after(command, "--output")).write_text(" ".join(command[4:]))
        elif verb == "load":
            self._load(Path(_after(command, "--input")))
        return 0, ""

    def _load(self, archive: Path) -> None:
        self.loaded = archive.read_text("latin-1")
        if not tarfile.is_tarfile(archive):
            return
        with tarfile.open(archive) as opened:
            for image in json.loads(opened.extractfile("manifest.json").read()):  # type: ignore[union-attr]
                settings = json.loads(opened.extractfile(image["Config"]).read())  # type: ignore[union-attr]
                self.layers = [opened.extractfile(name).read() for name in image["Layers"]]  # type: ignore[union-attr]
                for reference in image["RepoTags"]:
                    self._name(reference, f"sha256:{image['Config']}", settings["config"]["Labels"])

    def _name(self, reference: str, identity: str, labels: dict[str, str]) -> None:
        for image in self.engine.images.values():
            if reference in image["RepoTags"]:
                image["RepoTags"].remove(reference)
        self.engine.add(identity, reference, labels=labels)

    def verbs(self) -> list[str]:
        return [call[1] if call[0] == "docker" else Path(call[0]).name for call in self.calls]


def _after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def _values(command: list[str], option: str) -> list[tuple[str, str]]:
    found = []
    for place, word in enumerate(command):
        if word == option:
            name, _, value = command[place + 1].partition("=")
            found.append((name, value))
    return found


@pytest.fixture
def docker(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    fake = FakeDocker(engine)
    monkeypatch.setattr("checker.images.process.run", fake.run)
    pull.forget_failures()
    return fake


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def workshop(engine: FakeEngine, docker: FakeDocker, places: Places, said: list[str]) -> Workshop:
    # The fakes answer what the course asks of an engine and its client, no more.
    return Workshop(cast("Any", engine), cast("Any", docker), places.state / "images", said.append)


@pytest.fixture
def store(engine: FakeEngine) -> Store:
    return Store(cast("Any", engine))

"""What all tests share: an engine or a loud reason for none, and a small course in a folder of its own."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import tempfile
import textwrap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from checker.course.catalogue import Catalogue, Lab
from checker.course.places import Places, find
from checker.engine.api import KEPT, Engine, NotFoundError, connect
from checker.errors import EngineError
from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

FAKE = "97"
"""The number of the fake lab in tests without an engine."""

_HELD: list[IO[str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run write down how long what took, by which later runs begin with what takes longest."""
    parser.addoption(
        "--write-seconds", action="store_true", help="write how long each lab and each file takes"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Measure, if asked to; only where all reports arrive, which is not in the processes that run the tests."""
    if config.getoption("--write-seconds") and not hasattr(config, "workerinput"):
        from tests.lanes import SECONDS, Seconds

        config.pluginmanager.register(Seconds(SECONDS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    from tests.lanes import longest_first, read

    longest_first(items, read())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep what works on one lab together when labs are tested side by side."""
    from tests.lanes import scheduler

    return scheduler(config, log)


@functools.cache
def reserved() -> str:
    """Return a lab's number for this run alone: another run on the same engine must not take away what is ours."""
    folder = Path(tempfile.gettempdir()) / "drydock-tests"
    folder.mkdir(exist_ok=True)
    for number in range(80, 97):
        handle = (folder / f"{number}.lock").open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            continue
        _HELD.append(handle)
        return str(number)
    pytest.fail("more than sixteen runs of the tests use this machine at once")


TOOLS = "drydock/toolbox:1.0"
"""The course image with the most in it: procps, iproute2, bash, root."""

LAB_TOML = """
title = "A fake lab"
claim = "A claim."
summary = "For the tests."
part = "containers"
minutes = 5
"""

CHECK = '''
from checker.grading.author import fail, require

def test_it_holds(lab):
    """It holds"""
    require(lab.number, "It does not hold.", hint="Look at it.")
'''


class Course:
    """A course with one fake lab, which a test fills as it needs."""

    def __init__(self, root: Path, number: str = FAKE) -> None:
        self.root = root
        self.number = number
        (root / "labs").mkdir(parents=True)
        (root / "images").mkdir()
        (root / "images" / "images.toml").write_text("[bases]\n[images]\n")
        (root / "mkdocs.yml").write_text("site_name: fake\n")
        self.slug = f"{number}-fake"

    @property
    def folder(self) -> Path:
        """The fake lab's folder."""
        return self.root / "labs" / self.slug

    @property
    def places(self) -> Places:
        """Its folders, as `lab` finds them."""
        return find(self.root)

    @property
    def catalogue(self) -> Catalogue:
        """Its labs."""
        return Catalogue(self.places)

    def write(self, name: str, text: str) -> Path:
        """Write one file of the fake lab."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def lab(
        self,
        checks: str = CHECK,
        *,
        ids: tuple[str, ...] = ("it-holds",),
        toml: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Lab:
        """Make the fake lab: its checks, the ids of its one step, and more of lab.toml and of files."""
        step = f"[[steps]]\ntitle = 'The step'\nchecks = {list(ids)}\n"
        self.write("lab.toml", LAB_TOML + toml + step)
        self.write("checks/test_fake.py", checks)
        for name, text in (files or {}).items():
            self.write(name, text)
        return self.catalogue.find(self.number)

    def environment(self) -> dict[str, str]:
        """Return the environment in which `lab` finds this course and writes nothing elsewhere."""
        return {
            **os.environ,
            "DRYDOCK_COURSE": str(self.root),
            "DRYDOCK_STATE": str(self.root / "state"),
            "DRYDOCK_WORK": str(self.root / "work of Zoë"),
            "COLUMNS": "100",
        }


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Course:
    """Give a course with room for a fake lab; state and work are in the test's own folder."""
    number = reserved() if "engine" in request.fixturenames else FAKE
    made = Course(tmp_path / "a course", number)
    for name, value in made.environment().items():
        if name.startswith(("DRYDOCK_", "COLUMNS")):
            monkeypatch.setenv(name, value)
    return made


def _labelled(engine: Engine) -> set[str]:
    return {
        f"{kind} {item.get('Name') or item.get('Names') or item['Id']}"
        for kind in ("containers", "networks", "volumes", "images")
        for item in engine.list_all(kind, labels={"io.drydock.lab": reserved()})
    }


def made_by_compose(engine: Engine, project: str, kind: str) -> list[dict[str, Any]]:
    """List what Compose made for a project, without volumes that it labels with a project but that are kept for all."""
    found = engine.list_all(kind, labels={"com.docker.compose.project": project})
    return [item for item in found if KEPT not in (item.get("Labels") or {})]


@pytest.fixture(scope="session")
def _connected() -> Engine:
    try:
        engine = connect()
        engine.get("/version")
    except EngineError as error:
        reason = f"NO CONTAINER ENGINE: {error.what} {error.remedy}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return engine


@pytest.fixture
def engine(_connected: Engine) -> Iterator[Engine]:
    """Give the engine of this machine; a test that leaves something of the fake lab on it fails."""
    before = _labelled(_connected)
    yield _connected
    # The engine lists what it has removed for a moment longer.
    wait_until(lambda: not _labelled(_connected) - before, 3)
    left = _labelled(_connected) - before
    _sweep(_connected)
    assert not left, f"the test left {', '.join(sorted(left))}"


def _sweep(engine: Engine) -> None:
    ours = {"io.drydock.lab": reserved()}
    paths = [f"/containers/{item['Id']}" for item in engine.list_all("containers", labels=ours)]
    paths += [f"/networks/{item['Id']}" for item in engine.list_all("networks", labels=ours)]
    paths += [f"/volumes/{item['Name']}" for item in engine.list_all("volumes", labels=ours)]
    for path in paths:
        with contextlib.suppress(NotFoundError):
            engine.delete(path, **({} if "networks" in path else {"force": True}))


@pytest.fixture
def run(engine: Engine) -> Iterator[Callable[..., str]]:
    """Give a function that starts a container and returns its id; all are removed at the end."""
    made: list[str] = []

    def start(image: str = TOOLS, *command: str, name: str = "", **options: Any) -> str:
        body = {
            "Image": image,
            "Entrypoint": list(command) or ["sleep", "infinity"],
            "Cmd": [],
            "Labels": {"io.drydock.lab": reserved(), **options.pop("Labels", {})},
            "HostConfig": {"Init": True, **options.pop("HostConfig", {})},
            **options,
        }
        created = engine.post("/containers/create", body, **({"name": name} if name else {}))["Id"]
        made.append(created)
        engine.post(f"/containers/{created}/start")
        return str(created)

    yield start
    for container in made:
        try:
            engine.delete(f"/containers/{container}", force=True, v=True)
        except EngineError:
            continue

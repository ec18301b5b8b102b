"""The engine goes away in the middle of things: told as such, never a verdict against the learner."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine
from checker.engine.shell import ContainerGoneError, Shell
from checker.errors import EngineError
from checker.grading.author import wait_until
from checker.grading.changes import Changes
from checker.grading.run import grade
from checker.results import Status
from tests.integration.faults.proxy import Proxy, proxied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Course


@pytest.fixture
def proxy(engine: Engine) -> Iterator[Proxy]:
    """Give a proxy to the engine; its socket's path must be short."""
    with TemporaryDirectory() as folder, proxied(engine.endpoint.host, Path(folder)) as made:
        yield made


def cut_when(proxy: Proxy, marker: Callable[[], bool]) -> threading.Thread:
    def work() -> None:
        wait_until(marker, 20)
        proxy.cut()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_an_engine_lost_while_a_command_runs_is_told_so(
    proxy: Proxy, engine: Engine, run: Callable[..., str]
) -> None:
    container = run()
    shell = Shell(Engine(proxy.endpoint), container)
    thread = cut_when(proxy, lambda: "sleep 1000" in str(engine.get(f"/containers/{container}/top")))
    with pytest.raises(ContainerGoneError, match="was lost while `sleep 1000` ran"):
        shell.run("sleep 1000")
    thread.join()
    shell.close()


def test_an_engine_lost_between_two_requests_is_told_so(proxy: Proxy) -> None:
    lost = Engine(proxy.endpoint)
    lost.get("/version")
    proxy.cut()
    with pytest.raises(EngineError, match="does not answer"):
        lost.get("/version")


CHECKS = '''
from pathlib import Path
from checker.grading.author import needs, require

def test_before(lab):
    """It answers before"""
    assert_engine(lab)

def assert_engine(lab):
    require(lab.engine.get("/version"), "No version.", hint="Look.")

def test_during(lab):
    """It is lost during this"""
    Path("MARK").write_text("now")
    container = lab.run("drydock/toolbox:1.0", command=["sleep", "1000"])
    container.exec("sleep 1000", timeout=30)

@needs("before")
def test_after(lab):
    """It is gone after"""
    assert_engine(lab)
'''


def test_an_engine_lost_in_mid_check_leaves_the_verdicts_there_are_and_blames_nobody(
    proxy: Proxy, engine: Engine, course: Course
) -> None:
    mark = course.root / "mark"
    lab = course.lab(CHECKS.replace("MARK", str(mark)), ids=("before", "during", "after"))
    label = {"io.drydock.lab": lab.number, "io.drydock.role": "checker"}

    def running() -> bool:
        made = engine.list_all("containers", labels=label)
        return bool(made) and "sleep 1000'" in str(made) + str(
            engine.get(f"/containers/{made[0]['Id']}/top")["Processes"]
        )

    thread = cut_when(proxy, running)
    try:
        report = grade(lab, Engine(proxy.endpoint), course.root / "work")
    finally:
        thread.join()
        for made in engine.list_all("containers", labels=label):
            engine.delete(f"/containers/{made['Id']}", force=True)
    assert [check.status for check in report.checks] == [
        Status.PASSED,
        Status.COULD_NOT_RUN,
        Status.COULD_NOT_RUN,
    ]
    assert "was lost while" in report.checks[1].reason or "does not answer" in report.checks[1].reason
    assert "does not answer" in report.checks[2].reason
    assert report.exit_code == 3


def test_who_watches_is_told_that_the_engine_went_away(proxy: Proxy, tmp_path: Path) -> None:
    changes = Changes(Engine(proxy.endpoint), tmp_path)
    changes.follow()
    proxy.cut()
    assert changes.queue.get(timeout=10)[0] == "engine"

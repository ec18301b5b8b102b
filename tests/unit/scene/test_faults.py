"""Nodes that are lost and come back, on an engine that is a table of containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.course.catalogue import Lab
from checker.course.model import Value
from checker.errors import LabError, MisuseError
from checker.scene import faults
from checker.scene.faults import Node
from checker.scene.state import MAY_FAIL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.conftest import Course

MINE = {"com.docker.compose.project": "drydock-97", MAY_FAIL: ""}


class Engine:
    """An engine with containers by their ids; what it is told is noted."""

    def __init__(self, **containers: dict[str, Any]) -> None:
        self.containers = containers
        self.done: list[str] = []
        self.states: Iterator[dict[str, Any]] = iter(())

    def list_all(self, kind: str, *, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the containers that carry all of the labels."""
        assert kind == "containers"
        return [each for each in self.containers.values() if labels.items() <= each["Labels"].items()]

    def post(self, path: str, **query: str) -> None:
        """Note what is asked for."""
        self.done.append(" ".join([path, *query.values()]))

    def request(self, method: str, path: str, *, query: Mapping[str, str], seconds: float) -> None:
        """Note what is waited for."""
        assert (method, seconds) == ("POST", faults.END_SECONDS)
        self.done.append(" ".join([path, *query.values()]))

    def inspect(self, container: str) -> dict[str, Any]:
        """Return the next state."""
        self.done.append(f"look at {container}")
        return {"State": next(self.states)}

    def logs(self, container: str, lines: int) -> str:
        """Return what it said last."""
        return f"the last {lines} lines of {container}"


def container(name: str, *, state: str = "running", **labels: str) -> dict[str, Any]:
    return {
        "Id": f"id of {name}",
        "State": state,
        "Labels": {**MINE, "com.docker.compose.service": name, **labels},
    }


def test_only_nodes_of_this_lab_that_may_fail_can_be_lost(course: Course) -> None:
    needed = container("front")
    del needed["Labels"][MAY_FAIL]
    theirs = container("other", **{"com.docker.compose.project": "drydock-98"})
    engine: Any = Engine(b=container("worker-2", state="exited"), a=container("worker-1"), c=needed, d=theirs)
    assert faults.find_nodes(engine, course.lab()) == [
        Node("worker-1", "id of worker-1", running=True),
        Node("worker-2", "id of worker-2", running=False),
    ]
    with pytest.raises(MisuseError, match="no node front") as caught:
        faults.choose(engine, course.lab(), "front")
    assert caught.value.remedy == "It has worker-1, worker-2."
    bare: Any = Engine(c=needed)
    with pytest.raises(MisuseError, match="Lab 97 has no node that can be lost"):
        faults.choose(bare, course.lab())


def test_only_a_node_that_runs_is_lost_and_only_one_that_is_lost_comes_back(course: Course) -> None:
    lab = course.lab()
    engine: Any = Engine(a=container("worker-1"), b=container("worker-2", state="exited"))
    assert {faults.choose(engine, lab).name for _ in range(20)} == {"worker-1"}
    assert {faults.choose(engine, lab, running=False).name for _ in range(20)} == {"worker-2"}
    with pytest.raises(MisuseError, match="worker-2 is already lost") as lost:
        faults.choose(engine, lab, "worker-2")
    assert lost.value.remedy == "Bring it back: lab lose 97 --back"
    with pytest.raises(MisuseError, match="worker-1 is running") as there:
        faults.choose(engine, lab, "worker-1", running=False)
    assert there.value.remedy == "Lose a node: lab lose 97"


def test_without_a_name_every_node_that_runs_may_be_the_one(course: Course) -> None:
    engine: Any = Engine(a=container("worker-1"), b=container("worker-2"))
    assert {faults.choose(engine, course.lab()).name for _ in range(200)} == {"worker-1", "worker-2"}


def test_without_a_name_the_node_that_the_learners_class_picked_is_lost_as_long_as_it_runs(
    course: Course,
) -> None:
    host = Value(
        title="the host", lesson="worker-1", choices=("worker-2", "worker-3", "worker-4"), fault=True
    )
    given = course.lab()
    lab = Lab(given.folder, msgspec.structs.replace(given.toml, values={"host": host}), seed="K-1")
    states = {f"worker-{number}": "running" for number in range(1, 5)}
    engine: Any = Engine(**{name: container(name) for name in states})
    assert {faults.choose(engine, lab).name for _ in range(20)} == {lab.fault}
    assert faults.choose(engine, lab, "worker-1").name == "worker-1"
    engine.containers[lab.fault]["State"] = "exited"
    assert lab.fault not in {faults.choose(engine, lab).name for _ in range(20)}
    assert faults.choose(engine, lab, running=False).name == lab.fault


def test_a_node_is_lost_when_the_engine_has_seen_its_end() -> None:
    engine: Any = Engine()
    faults.lose(engine, Node("worker-1", "x", running=True))
    assert engine.done == ["/containers/x/kill KILL", "/containers/x/wait not-running"]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every node take its images, and return which did."""
    found: list[str] = []
    monkeypatch.setattr(faults, "load_images", lambda _engine, _project, _say, only: found.extend(only))
    return found


@pytest.mark.parametrize(
    "not_yet",
    [
        {"Running": False},
        {"Running": False, "Health": {"Status": "healthy"}},
        {"Running": True, "Health": {"Status": "starting"}},
        {"Running": True, "Health": {"Status": "unhealthy"}},
    ],
)
@pytest.mark.parametrize("back", [{"Running": True, "Health": {"Status": "healthy"}}, {"Running": True}])
def test_a_node_is_back_when_it_is_healthy_or_runs_and_has_no_health_check(
    course: Course, loaded: list[str], not_yet: dict[str, Any], back: dict[str, Any]
) -> None:
    engine: Any = Engine()
    engine.states = iter([not_yet, not_yet, back])
    faults.bring_back(engine, course.lab(), Node("worker-1", "x", running=False), lambda _: None)
    assert engine.done == ["/containers/x/start", *["look at x"] * 3]
    assert loaded == ["worker-1"]


def test_a_node_that_does_not_get_healthy_is_given_up_with_its_last_lines(
    course: Course, loaded: list[str]
) -> None:
    engine: Any = Engine()
    engine.states = iter([{"Running": True, "Health": {"Status": "unhealthy"}}] * 2)
    with pytest.raises(LabError, match=r"worker-1 did not come back within -1 s") as caught:
        faults.bring_back(engine, course.lab(), Node("worker-1", "x", running=False), lambda _: None, -1)
    assert caught.value.detail == "the last 5 lines of x"
    assert "lab start 97" in caught.value.remedy
    assert loaded == []

"""Nodes that are kept from one use of a scene to the next, or not, on an engine that is a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import msgspec
import pytest

from checker.engine.shell import Completed
from checker.scene import renewal
from checker.scene.renewal import RENEW, Renewal
from checker.scene.scene import Scene
from tests.unit.scene.test_removal import LAB, SCENE, Table, thing, volume

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Course


class Nodes(Table):
    """A scene of two nodes and a toolbox, and what the learner made."""

    def __init__(self) -> None:
        node = {**SCENE, RENEW: "clean", "io.drydock.lab": "97"}
        super().__init__(
            containers=[
                thing("one", {**node, "com.docker.compose.service": "one"}),
                thing("two", {**node, "com.docker.compose.service": "two"}),
                thing("toolbox", SCENE),
                thing("learners"),
            ],
            networks=[thing("lab", SCENE), thing("learners")],
            volumes=[volume("one-disk", SCENE), volume("traffic", SCENE)],
        )
        self.states = {"one-id": "running", "two-id": "running"}
        self.made = {"one-id": "a", "two-id": "a"}
        self.files: dict[str, list[str]] = {"one-id": [], "two-id": []}

    def list_all(self, kind: str, *, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """List what carries all of the labels; an empty value asks for the label alone, as the engine has it."""
        return [
            item | ({"State": self.states.get(item["Id"], "running")} if kind == "containers" else {})
            for item in self.things.get(kind, [])
            if all(
                name in item["Labels"] and value in {"", item["Labels"][name]}
                for name, value in (labels or {}).items()
            )
        ]

    def inspect(self, name: str) -> dict[str, Any]:
        """Return a node."""
        return {
            "Id": name,
            "Name": f"/{name}",
            "Image": "sha256:1",
            "State": {"Running": self.states[name] == "running"},
            "Config": {"Env": [self.made[name]]},
            "HostConfig": {},
            "NetworkSettings": {"Networks": {"drydock-97_lab": {"NetworkID": "lab-id"}}},
            "Mounts": [{"Type": "volume", "Name": "one-disk"}] if name == "one-id" else [],
        }

    def get(self, path: str, **more: Any) -> Any:
        """Return the files that changed in a node."""
        if path.endswith("/changes"):
            return [{"Path": each, "Kind": 1} for each in self.files[path.split("/")[2]]]
        return super().get(path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> None:
        """Start a node, or let it go on."""
        super().post(path, body, **more)
        if path.endswith(("/start", "/unpause")):
            self.states[path.split("/")[2]] = "running"

    def names(self) -> list[str]:
        """Return the names of all that there is."""
        return [item["Name"] for kind in ("containers", "networks", "volumes") for item in self.things[kind]]


@dataclass
class Printed:
    """What the nodes print, by node; `again` takes away what begins with `added`."""

    lines: dict[str, list[str]] = field(default_factory=lambda: {"one-id": ["same"], "two-id": ["same"]})
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Let the nodes' commands print what a test says."""
    said = Printed()

    class Fake:
        def __init__(self, _: object, container: str) -> None:
            self.container = container

        def run(self, command: str, _: float) -> Completed:
            said.asked.append(f"{self.container} {command}")
            lines = said.lines[self.container]
            if command.endswith("again"):
                lines[:] = [line for line in lines if not line.startswith("added")]
            return Completed(0, "\n".join(lines).encode(), b"")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(renewal, "Shell", Fake)
    monkeypatch.setattr(renewal, "SAME_SECONDS", 0.0)
    return said


@pytest.fixture
def scene(course: Course, printed: Printed, tmp_path: Path) -> tuple[Nodes, Renewal]:
    """Give a scene whose nodes were noted when they were new."""
    engine = Nodes()
    kept = Renewal(engine, course.lab(), tmp_path / "notes" / "97.json")
    kept.note({"one-id", "two-id"})
    assert sorted(printed.asked) == ["one-id clean note", "two-id clean note"]
    return engine, kept


def quiet(_: str) -> None:
    pass


def test_nodes_that_can_be_cleaned_stay_with_their_network_and_volumes_and_all_else_goes(
    scene: tuple[Nodes, Renewal], printed: Printed
) -> None:
    engine, kept = scene
    printed.lines["two-id"].append("added by the learner")
    assert kept.renew(quiet, proof=False)
    assert engine.names() == ["one", "two", "lab", "one-disk"]


def test_a_proof_keeps_its_nodes_and_what_says_that_they_are_of_a_proof(
    scene: tuple[Nodes, Renewal],
) -> None:
    engine, kept = scene
    engine.things["volumes"].append(volume("proof", {**LAB, "io.drydock.proof": ""}))
    assert kept.renew(quiet, proof=True)
    assert engine.names() == ["one", "two", "lab", "one-disk", "proof"]


def test_a_node_that_is_not_as_it_was_is_told_and_everything_goes(
    scene: tuple[Nodes, Renewal], printed: Printed
) -> None:
    engine, kept = scene
    printed.lines["two-id"][:] = ["other"]
    told: list[str] = []
    assert not kept.renew(told.append, proof=False)
    assert told[-1] == "making new nodes: two is not as it was: new: other"
    assert engine.names() == []


def test_something_that_is_missing_in_a_node_is_noticed_too(
    scene: tuple[Nodes, Renewal], printed: Printed
) -> None:
    _, kept = scene
    printed.lines["one-id"].clear()
    told: list[str] = []
    assert not kept.renew(told.append, proof=False)
    assert "one is not as it was: missing: same" in told[-1]


def test_a_node_that_was_never_noted_is_replaced(course: Course, printed: Printed, tmp_path: Path) -> None:
    engine = Nodes()
    assert not Renewal(engine, course.lab(), tmp_path / "97.json").renew(quiet, proof=False)
    assert engine.names() == []
    assert printed.asked == []


def test_a_node_that_was_made_later_than_the_others_is_replaced(
    course: Course, printed: Printed, tmp_path: Path
) -> None:
    engine = Nodes()
    kept = Renewal(engine, course.lab(), tmp_path / "97.json")
    kept.note({"one-id"})
    assert not kept.renew(quiet, proof=False)
    assert engine.names() == []


def test_lost_and_paused_nodes_run_before_they_are_cleaned(
    scene: tuple[Nodes, Renewal], printed: Printed
) -> None:
    engine, kept = scene
    engine.states = {"one-id": "exited", "two-id": "paused"}
    assert kept.renew(quiet, proof=False)
    done = [step for step, _ in engine.steps]
    assert "POST /containers/one-id/start" in done
    assert "POST /containers/two-id/unpause" in done


def test_a_node_with_other_settings_is_replaced(scene: tuple[Nodes, Renewal]) -> None:
    engine, kept = scene
    engine.made["two-id"] = "b"
    told: list[str] = []
    assert not kept.renew(told.append, proof=False)
    assert "two has other settings than it was started with" in told[-1]


def test_a_node_with_files_of_the_learners_is_replaced(scene: tuple[Nodes, Renewal]) -> None:
    engine, kept = scene
    engine.files["one-id"] = ["/run/docker/x", "/etc/docker/daemon.json"]
    told: list[str] = []
    assert not kept.renew(told.append, proof=False)
    assert "one has files that were not there: /etc/docker/daemon.json" in told[-1]


@pytest.mark.parametrize("proof", [True, False])
def test_a_learner_and_a_proof_do_not_get_each_others_nodes(
    scene: tuple[Nodes, Renewal], *, proof: bool
) -> None:
    engine, kept = scene
    if not proof:
        engine.things["volumes"].append(volume("proof", {**LAB, "io.drydock.proof": ""}))
    assert not kept.renew(quiet, proof=proof)
    assert engine.names() == []


def test_a_stopped_lab_keeps_no_notes_about_its_nodes(
    course: Course, printed: Printed, tmp_path: Path
) -> None:
    del printed
    nothing: Any = None
    engine = Nodes()
    scene = Scene(course.lab(), course.places, engine, nothing, tmp_path / "work", held=True)
    notes = course.places.state / "nodes" / f"{course.lab().slug}.json"
    Renewal(engine, course.lab(), notes).note({"one-id", "two-id"})
    assert notes.is_file()
    scene.stop()
    assert engine.names() == []
    assert not notes.exists()
    assert scene.stop() == []


def test_nodes_that_are_gone_are_forgotten_when_others_are_noted(
    course: Course, printed: Printed, tmp_path: Path
) -> None:
    del printed
    engine, notes = Nodes(), tmp_path / "97.json"
    kept = Renewal(engine, course.lab(), notes)
    kept.note({"one-id", "two-id"})
    engine.things["containers"] = [item for item in engine.things["containers"] if item["Id"] != "one-id"]
    kept.note({"two-id"})
    assert list(msgspec.json.decode(notes.read_bytes())) == ["two-id"]

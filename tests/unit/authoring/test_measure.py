"""How memory and disk are counted, and what is written."""

# The methods do what the engine's do.
# ruff: noqa: D102

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from checker.authoring.measure import disk_of, memory_of, record, sizes_of_layers
from checker.authoring.new import make
from checker.course.catalogue import Catalogue
from checker.course.model import Measured

if TYPE_CHECKING:
    from checker.course.places import Places
    from checker.engine.api import Engine


class CountingEngine:
    """Answers with two containers and two images that share a layer."""

    def list_all(self, _kind: str, **_: Any) -> list[dict[str, Any]]:
        return [
            {"Id": "a", "State": "running", "Labels": {"io.drydock.lab": "97"}, "Names": ["/a"]},
            {"Id": "b", "State": "exited", "Labels": {"io.drydock.lab": "97"}, "Names": ["/b"]},
            {"Id": "c", "State": "running", "Labels": {}, "Names": ["/c"]},
        ]

    def get(self, path: str, **_: Any) -> Any:
        if path.endswith("/stats"):
            return {"memory_stats": {"usage": 100, "stats": {"inactive_file": 1}}}
        return [{"Size": 0}, {"Size": 5 if "one" in path else 7}, {"Size": 0}, {"Size": 90}]


def test_only_the_labs_own_running_containers_are_counted(course: Places) -> None:
    from concurrent.futures import ThreadPoolExecutor

    lab = make(course, "97-door").lab
    with ThreadPoolExecutor(1) as pool:
        assert memory_of(cast("Engine", CountingEngine()), lab, pool) == 99


def test_a_shared_layer_is_counted_once() -> None:
    records = {
        "one": {"RootFS": {"Layers": ["base", "x"]}, "Size": 95, "Id": "1"},
        "two": {"RootFS": {"Layers": ["base", "y"]}, "Size": 97, "Id": "2"},
    }
    assert disk_of(cast("Engine", CountingEngine()), records) == 90 + 5 + 7


def test_layers_that_cannot_be_told_apart_count_as_a_whole() -> None:
    image = {"RootFS": {"Layers": ["base", "x", "empty"]}, "Size": 95, "Id": "1"}
    assert sizes_of_layers(image, [90, 0, 5]) == {"empty": 95}


def test_a_measurement_is_written_to_the_toml_and_the_facts(course: Places) -> None:
    lab = make(course, "97-door").lab
    before = (lab.folder / "lab.toml").read_text()
    found = Measured(
        memory_mb=12.5, disk_mb=101.0, start_s=1.2, check_s=0.1, engine="28", system="Here", date="2026-05-01"
    )
    toml, facts = record(course, lab, found)
    assert toml.read_text().startswith(before)
    assert Catalogue(course).read(lab.folder).toml.measured == found
    assert "12 MB while it runs" in facts.read_text() or "13 MB while it runs" in facts.read_text()
    assert list(lab.folder.glob(".lab.toml*")) == []

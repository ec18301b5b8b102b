"""Which of a cluster's nodes are lost, and the sentence that says how they come back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.cluster.interface import lost_nodes, tell_of_lost
from checker.scene import faults
from checker.scene.faults import Node


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give lab 09 with three nodes, of which two are lost."""
    nodes = [Node("node-1", "1", running=True), Node("node-2", "2", running=False)]
    nodes.append(Node("node-3", "3", running=False))
    monkeypatch.setattr(faults, "find_nodes", lambda *_: nodes)
    return SimpleNamespace(engine=None, course_lab=None, number="09")


def test_only_the_clusters_own_nodes_that_do_not_run_are_lost(lab: Any) -> None:
    assert lost_nodes(lab, ["node-1", "node-2", "other"]) == ["node-2"]
    assert lost_nodes(lab, ["node-1"]) == []


@pytest.mark.parametrize(
    ("among", "said"),
    [
        (["node-1"], ""),
        (["node-1", "node-2"], "node-2 is lost: `lab lose 9 --back` brings it back."),
        (["node-2", "node-3"], "node-2 and node-3 are lost: `lab lose 9 --back` brings them back."),
    ],
)
def test_lost_nodes_are_told_with_how_they_come_back(lab: Any, among: list[str], said: str) -> None:
    assert tell_of_lost(lab, among) == said

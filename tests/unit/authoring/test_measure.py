"""What a lab's time to ready is measured after."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.authoring import measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("removed", "waits"),
    [(["drydock-06-host-1-1", "volume drydock-06_host-1-disk"], 1), (["drydock-01-toolbox-1"], 0), ([], 0)],
)
def test_a_start_is_measured_once_the_file_system_has_forgotten_the_disks_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: list[str], waits: int
) -> None:
    said: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda _: said.append("waited"))
    scene: Any = SimpleNamespace(
        work=tmp_path / "work", stop=lambda: removed, start=lambda _: said.append("started")
    )
    assert measure._timed_start(scene, lambda _: None) >= 0
    assert said == ["waited"] * waits + ["started"]

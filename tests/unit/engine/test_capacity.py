"""What a container's memory is, and whose disk is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.engine.capacity import working_set
from checker.engine.platform import Platform

if TYPE_CHECKING:
    from pathlib import Path


def test_memory_is_usage_without_idle_files_under_both_cgroup_versions() -> None:
    assert working_set({"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 10}}) == 70
    assert working_set({"usage": 100, "stats": {"inactive_file": 40}}) == 60
    assert working_set({"usage": 100, "stats": {"inactive_file": 400}}) == 100
    assert working_set({}) == 0


def test_a_disk_that_cannot_be_asked_is_none(tmp_path: Path) -> None:
    total, free = Platform().disk(tmp_path) or (0, 0)
    assert total >= free > 0
    assert Platform().disk(tmp_path / "missing") is None

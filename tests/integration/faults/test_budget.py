"""A lab that does not fit is refused before anything of it is made, unless it is forced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.conftest import COMPOSE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from checker.engine.api import Engine
    from tests.conftest import Course

pytestmark = pytest.mark.engine

HUGE = """
[measured]
memory_mb = 90000000
disk_mb = 0
start_s = 1
check_s = 1
engine = "x"
system = "x"
date = "2026-11-24"
"""


def test_a_lab_beyond_the_machines_memory_is_refused_before_it_starts_and_may_be_forced(
    course: Course, engine: Engine, lab: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    number = str(int(course.number))
    course.lab(toml=HUGE, files={"compose.yaml": COMPOSE})
    refused = lab("start", number)
    assert refused.returncode == 3
    assert "needs 108000.0 GB of memory" in refused.stderr
    assert f"lab start {number} --force" in refused.stderr
    assert engine.list_all("containers", labels={"io.drydock.lab": course.number}) == []
    try:
        forced = lab("start", number, "--force")
        assert forced.returncode == 0, forced.stderr
        assert "note: Lab" in forced.stderr
        # It runs now, and mending what runs is never refused.
        assert lab("start", number).returncode == 0
    finally:
        lab("stop", number)

"""`lab doctor` on this machine's engine: it tells the truth, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checker.engine.api import ROLE, connect

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]


def doctor(**environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    import os

    done = subprocess.run(
        [sys.executable, "-P", "-m", "checker", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, {finding["id"]: finding for finding in json.loads(done.stdout)}


def things_of_the_doctor() -> list[str]:
    engine = connect()
    return [
        str(item["Id"])
        for kind in ("containers", "networks", "volumes")
        for item in engine.list_all(kind, labels={ROLE: "doctor"})
    ]


def test_it_looks_at_the_engine_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(things_of_the_doctor())
    code, found = doctor(DRYDOCK_WORK=str(tmp_path / "work"))
    assert found["engine"]["mark"] == "fine"
    assert found["engine-version"]["mark"] == "fine"
    assert code == (3 if any(each["mark"] == "problem" for each in found.values()) else 0)
    assert not (tmp_path / "work").exists()
    assert set(things_of_the_doctor()) <= before


def test_a_container_really_sees_the_work_folder(tmp_path: Path) -> None:
    work = tmp_path / "Wörk für Ada"
    work.mkdir()
    _, found = doctor(DRYDOCK_WORK=str(work))
    if found["work-folder"]["mark"] == "unknown":
        pytest.skip("no image of the course is present")
    assert found["work-folder"]["mark"] == "fine", found["work-folder"]
    assert found["names"]["mark"] == "fine"
    assert list(work.iterdir()) == []


def test_without_an_engine_it_says_what_to_do_and_could_not_run(tmp_path: Path) -> None:
    code, found = doctor(DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    assert code == 3
    assert found["engine"]["mark"] == "problem"
    assert found["engine"]["remedy"]
    assert found["checkout-disk"]["mark"] != "unknown"

"""A new lab verifies as it is, on a real engine, in a copy of the course."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
NUMBER = "97"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the course's scenes and images, without its labs."""
    root = tmp_path / "Kürs von Ada"
    shutil.copytree(ROOT / "labs/scenes", root / "labs/scenes")
    shutil.copytree(ROOT / "images", root / "images")
    (root / "docs/lessons").mkdir(parents=True)
    (root / "mkdocs.yml").write_text("site_name: A course\n")
    return root


def lab(course: Path, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "checker", *words, "--yes", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DRYDOCK_COURSE": str(course)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_new_lab_verifies_and_can_be_measured(course: Path) -> None:
    (made,) = lab(course, "new", f"{NUMBER}-first-door")
    assert made["lab"] == f"{NUMBER}-first-door"
    *proofs, totals = lab(course, "verify", NUMBER)
    assert {proof["lab"] for proof in proofs} == {made["lab"]}
    assert totals["as_expected"] == len(proofs)
    assert len(proofs) >= 1 + 1 + 2 + 5
    assert [proof for proof in proofs if not proof["as_expected"]] == []
    measured = lab(course, "measure", NUMBER)[0][made["lab"]]
    assert 0 < measured["memory_mb"] < 1000
    assert measured["disk_mb"] > 50
    assert measured["start_s"] > 0
    facts = (course / "docs/lessons/_facts" / f"{NUMBER}.md").read_text()
    assert measured["engine"] in facts
    assert "[measured]" in (course / "labs" / made["lab"] / "lab.toml").read_text()

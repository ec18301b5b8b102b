"""`lab images` as a person or a script runs it, on a small course of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.places import Places

pytestmark = pytest.mark.engine

SECONDS = 300.0


@pytest.fixture
def lab(places: Places) -> Callable[..., subprocess.CompletedProcess[str]]:
    (places.root / "labs").mkdir()
    (places.root / "mkdocs.yml").write_text("site_name: small\n")
    environment = {**os.environ, "DRYDOCK_COURSE": str(places.root), "NO_COLOR": "1"}

    def call(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "checker", "images", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert ended.returncode == code, ended.stderr
        return ended

    return call


def test_images_are_listed_built_saved_loaded_and_pruned(
    lab: Callable[..., subprocess.CompletedProcess[str]], places: Places, tmp_path: Path
) -> None:
    assert [row["origin"] for row in json.loads(lab("--json").stdout)] == ["not here", "not here"]
    built = lab("build", "itest:1.0")
    assert built.stdout == "drydock/itest:1.0 built\n"
    assert "step 2 of 2" in built.stderr
    assert [row["origin"] for row in json.loads(lab("--json").stdout)] == ["built", "not here"]
    file = tmp_path / "usb stick" / "course.tar.gz"
    assert "contains 1 image for linux/" in lab("save", str(file), "itest:1.0").stdout
    assert lab("load", str(file)).stdout == "Loaded 1 image.\n"
    assert lab("prune").stdout == "There are no old images of the course.\n"
    dockerfile = places.images / "itest" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + "RUN true\n")
    assert (
        "Not used, because they belong to another version of the course: drydock/itest:1.0"
        in lab("load", str(file)).stdout
    )
    assert "To go ahead, add --yes" in lab("prune", code=2).stderr
    assert json.loads(lab("prune", "--yes", "--json").stdout) == {
        "removed": ["drydock/itest:1.0"],
        "kept": [],
    }


def test_what_is_asked_for_wrongly_is_answered_with_what_to_do(
    lab: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert "Did you mean `itest`?" in lab("build", "itets", code=2).stderr
    assert "needs a file" in lab("save", code=2).stderr
    assert "lab images build --all" in lab("build", "itest", "--all", code=2).stderr
    assert "lab images build --all" in lab("prune", "--all", code=2).stderr
    assert "DRYDOCK_REGISTRY" in lab("pull", code=2).stderr
    assert "There is no file" in lab("load", str(tmp_path / "nowhere.tar"), code=3).stderr

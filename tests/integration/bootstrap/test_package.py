"""The package that `pip install .` makes: the same `lab`, with the course inside, from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from checker.bootstrap import pip

SOURCE = Path(__file__).parents[3]
LEFT_OUT = {".git", ".venv", ".lab", "work", "site", "build", "dist"}


def left_out(folder: str, names: list[str]) -> set[str]:
    """Return what is no part of the source: what was made in the checkout."""
    made = {name for name in names if name in LEFT_OUT} if Path(folder) == SOURCE else set()
    return made | {name for name in names if name == "__pycache__" or name.endswith((".egg-info", "_cache"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package as `pip install .` does, from a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(SOURCE, folder / "source", ignore=left_out)
    command = pip.find(Path(sys.executable))
    assert command is not None
    done = subprocess.run(
        [*command, "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(folder / "source")],
        env=pip.environment(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_brings_the_command_and_the_course(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entries,) = (name for name in names if name.endswith("/entry_points.txt"))
        assert "lab = checker.__main__:main" in archive.read(entries).decode()
    assert "checker/_course/mkdocs.yml" in names
    assert any(name.startswith("checker/_course/docs/") for name in names)
    for lab in SOURCE.glob("labs/*/lab.toml"):
        assert f"checker/_course/labs/{lab.parent.name}/lab.toml" in names
    modules = {str(path.relative_to(SOURCE)) for path in (SOURCE / "checker").rglob("*.py")}
    assert modules <= names
    assert not any("__pycache__" in name or "/.lab/" in name for name in names)


def test_the_installed_command_finds_the_course_from_a_folder_that_has_none(
    wheel: Path, tmp_path: Path
) -> None:
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRYDOCK_")}
    done = subprocess.run(
        [sys.executable, "-m", "checker", "list", "--json"],
        env={**kept, "PYTHONPATH": str(installed)},
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "first-container" in done.stdout

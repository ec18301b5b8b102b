"""A small folder of built pages, and a small course around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.places import Places
from checker.site import build

if TYPE_CHECKING:
    from pathlib import Path

HOME = "<html><script>var inline = 1</script><body>Home</body></html>"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Built pages: a home page, one below it, a style sheet, a folder without a page, and the page for what is missing."""
    folder = tmp_path / "pages"
    (folder / "lessons/01-boat").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "index.html").write_text(HOME)
    (folder / "lessons/01-boat/index.html").write_text("<html>A boat</html>")
    (folder / "assets/look.css").write_text("body {}")
    (folder / "404.html").write_text("<html>Lost</html>")
    (tmp_path / "secret.txt").write_text("not a page")
    return folder


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A course whose builder only notes that it ran, and makes one page."""
    monkeypatch.delenv("DRYDOCK_STATE", raising=False)
    root = tmp_path / "a course ü"
    (root / "docs").mkdir(parents=True)
    (root / "labs/01-boat").mkdir(parents=True)
    (root / "mkdocs.yml").write_text("site_name: Boats\n")
    (root / "docs/index.md").write_text("# Boats\n")
    (root / "labs/01-boat/lab.toml").write_text('title = "Boat"\n')

    def fake(_root: Path, target: Path, *, strict: bool = False) -> None:
        target.mkdir(parents=True)
        (target / "index.html").write_text(HOME)
        with (root / "builds").open("a") as notes:
            notes.write("built\n")

    monkeypatch.setattr(build, "run_mkdocs", fake)
    return Places(root, root)

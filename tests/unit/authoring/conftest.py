"""A small course to write into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.places import Places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def course(tmp_path: Path) -> Places:
    """A course without labs, in a folder with a space and letters that are not ASCII."""
    root = tmp_path / "Kürs von Ada"
    (root / "labs/scenes").mkdir(parents=True)
    (root / "docs/lessons").mkdir(parents=True)
    (root / "mkdocs.yml").write_text("site_name: A course\n")
    return Places(root, root)

"""The terminal's library in the page is what its packages have, and a change of it does not go unnoticed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from checker.live import vendored

if TYPE_CHECKING:
    from pathlib import Path


def test_every_file_is_what_the_list_says() -> None:
    found = vendored.packages()
    assert all(package["version"] and package["licence"] == "MIT" for package in found)
    listed = {file["name"] for package in found for file in package["files"]}
    assert {path.name for path in vendored.HOME.iterdir()} == {*listed, vendored.LIST}
    assert vendored.changed() == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    shutil.copytree(vendored.HOME, folder)
    with (folder / "xterm.mjs").open("a") as file:
        file.write("// more\n")
    (folder / "xterm.css").unlink()
    assert vendored.changed(folder) == ["xterm.mjs", "xterm.css"]

"""Generates reference pages from the code: the command, the TOML files, what checks import.

`python -m checker.site.reference` writes them into docs/reference/; a test fails if they are out of date.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from checker.course import places
from checker.site.api_page import check_api_page
from checker.site.cli_page import cli_page
from checker.site.toml_pages import answers_page, lab_toml_page

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path) -> list[Path]:
    """Write all generated pages into a folder and return those that changed."""
    # As a program, this module is above the command line; as an import, it must not know it.
    cli = importlib.import_module("checker.cli.parser")
    texts = {
        "answers.md": answers_page(),
        "check-api.md": check_api_page(),
        "cli.md": cli_page(cli.build_parser(), cli.GROUPS),
        "lab-toml.md": lab_toml_page(),
    }
    changed = []
    for name, text in texts.items():
        page = folder / name
        if not page.is_file() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8", newline="\n")
            changed.append(page)
    return changed


def main() -> None:
    """Write the generated pages of this checkout."""
    for page in write(places.find().docs / "reference"):
        print(f"wrote {page}")


if __name__ == "__main__":
    main()

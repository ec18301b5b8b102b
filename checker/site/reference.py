"""Generates reference pages from the code: the command, the TOML files, what checks import, which package imports which.

`python -m checker.site.reference` writes them into docs/reference/, and one part of docs/design/house.md; a test fails
if they are out of date.
"""

from __future__ import annotations

from pathlib import Path

from checker.course import places
from checker.site.api_page import check_api_page
from checker.site.cli_page import cli_page
from checker.site.house_page import house_page
from checker.site.toml_pages import answers_page, lab_toml_page

CHECKOUT = Path(__file__).resolve().parents[2]


def write(docs: Path) -> list[Path]:
    """Write all generated pages into the folder of pages, and return those that changed."""
    # As a program, this module is above the command line; as an import, it must not know it. The contract in
    # pyproject.toml lists this exception.
    from checker.cli import parser as cli  # noqa: PLC0415

    texts = {
        "reference/answers.md": answers_page(),
        "reference/check-api.md": check_api_page(),
        "reference/cli.md": cli_page(cli.build_parser(), cli.GROUPS),
        "reference/lab-toml.md": lab_toml_page(),
        "design/house.md": house_page(CHECKOUT, (docs / "design/house.md").read_text("utf-8")),
    }
    changed = []
    for name, text in texts.items():
        page = docs / name
        if not page.is_file() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8", newline="\n")
            changed.append(page)
    return changed


def main() -> None:
    """Write the generated pages of this checkout."""
    for page in write(places.find().docs):
        print(f"wrote {page}")


if __name__ == "__main__":
    main()

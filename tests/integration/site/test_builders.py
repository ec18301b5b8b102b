"""Both builders make the site from one mkdocs.yml, and what readers need comes out alike."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from checker.site import build

ROOT = Path(__file__).parents[3]


class Outline(HTMLParser):
    """What a page consists of: its elements that matter to a reader, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.classes: dict[str, int] = {}
        self.assets: set[str] = set()
        self.pictures: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element says of itself."""
        found = {name: value or "" for name, value in attrs}
        if tag in {"h1", "h2", "h3"} and "id" in found:
            self.ids.add(found["id"])
        for name in found.get("class", "").split():
            self.classes[name] = self.classes.get(name, 0) + 1
        if tag in {"link", "script"}:
            self.assets.add(Path(found.get("href", "") or found.get("src", "")).name)
        if tag == "img":
            self.pictures.add(Path(found.get("src", "")).name)


def outline(page: Path) -> Outline:
    made = Outline()
    made.feed(page.read_text("utf-8"))
    return made


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as MkDocs with Material builds it, strictly."""
    target = tmp_path_factory.mktemp("material") / "html"
    build.run_mkdocs(ROOT, target, strict=True)
    return target


@pytest.fixture(scope="module")
def zensical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as Zensical builds it, strictly, from a copy: it writes beside its settings."""
    root = tmp_path_factory.mktemp("zensical")
    shutil.copy(ROOT / "mkdocs.yml", root)
    for folder in ("docs", "labs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=build.TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "site"


def pages(site: Path) -> set[str]:
    return {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_both_make_the_same_pages(material: Path, zensical: Path) -> None:
    assert len(pages(material)) > 40
    assert pages(material) == pages(zensical)


def test_our_styles_scripts_and_pictures_are_in_both(material: Path, zensical: Path) -> None:
    for site in (material, zensical):
        for asset in (ROOT / "docs/assets").rglob("*.*"):
            assert (site / asset.relative_to(ROOT / "docs")).is_file()
        for page in pages(site):
            assert {"drydock.css", "drydock.js", "favicon.svg"} <= outline(site / page).assets, page


def test_headings_pictures_and_blocks_come_out_alike(material: Path, zensical: Path) -> None:
    seen: dict[str, int] = {}
    for page in sorted(pages(material) - {"404.html"}):
        one, other = outline(material / page), outline(zensical / page)
        assert one.ids == other.ids, page
        assert one.pictures == other.pictures, page
        for name in ("admonition", "tabbed-set", "highlight", "output", "host", "gaps", "fails", "annotate"):
            assert one.classes.get(name, 0) == other.classes.get(name, 0), f"{page}: {name}"
            seen[name] = seen.get(name, 0) + one.classes.get(name, 0)
    missing = [name for name, count in seen.items() if not count and name != "annotate"]
    assert not missing, f"no page uses {missing}, so nothing was compared"


def test_snippets_are_in_the_pages_of_both(material: Path, zensical: Path) -> None:
    for snippet in (ROOT / "docs/lessons/_facts").glob("*.md"):
        rows = [line for line in snippet.read_text("utf-8").splitlines() if re.match(r"\| [^`]*$", line)][1:]
        assert rows, snippet
        lesson = next((ROOT / "docs/lessons").glob(f"{snippet.stem[:2]}-*.md")).stem
        for site in (material, zensical):
            html = (site / f"lessons/{lesson}/index.html").read_text("utf-8")
            for cell in (cell.strip() for row in rows for cell in row.strip("| ").split(" | ")):
                assert f"<td>{cell}</td>" in html
            assert "--8&lt;--" not in html


def test_nothing_is_asked_of_another_host_by_either(material: Path, zensical: Path) -> None:
    asks = re.compile(
        r"""<(?:script|img|source|iframe)[^>]*\ssrc(?:set)?=["']?(?:https?:)?//|<link[^>]*\shref=["']?https?://"""
    )
    for site in (material, zensical):
        for page in pages(site):
            assert not asks.search((site / page).read_text("utf-8")), f"{site.name}/{page}"

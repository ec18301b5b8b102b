"""The pages' own text: front matter, links out of the pages, pictures, words."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import Places

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
INDEX = DOCS / "lessons/index.md"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not path.parent.name.startswith("_"))
PAPERS = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md")
]
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted|deb\.debian\.org|docker\.io|ghcr\.io|quay\.io|registry\.npmjs", re.IGNORECASE
)
BLAME = re.compile(r"\b(just|simply|easy|easily|obviously)\b", re.IGNORECASE)
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<to>[^)]+)\)")
TAG = re.compile(r'<img src="(?P<to>[^"]+)" alt="(?P<alt>[^"]*)">')
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<to>[^)#\s]+)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """Return a page without its blocks and bits of code."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def test_there_are_pages() -> None:
    assert len(PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_front_matter_names_the_page_and_tells_what_it_is_for(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith("---\n")
    front = msgspec.yaml.decode(text.split("\n---\n", 1)[0].removeprefix("---\n"))
    assert front["title"]
    assert front["description"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_has_one_first_heading_and_skips_no_level(page: Path) -> None:
    levels = [len(found) for found in re.findall(r"^(#+) ", prose(page), flags=re.MULTILINE)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


@pytest.mark.parametrize("page", [*PAGES, *PAPERS], ids=name)
def test_every_picture_has_a_text_and_is_there(page: Path) -> None:
    for picture in (*IMAGE.finditer(prose(page)), *TAG.finditer(prose(page))):
        assert len(picture["alt"]) > 10, picture[0]
        assert (page.parent / picture["to"]).is_file(), picture["to"]


@pytest.mark.parametrize("page", [*PAGES, *PAPERS], ids=name)
def test_no_registry_is_named_by_its_host(page: Path) -> None:
    assert not REGISTRIES.search(page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_nobody_is_told_that_it_is_easy(page: Path) -> None:
    # A style page may quote the words that it bans.
    assert not BLAME.findall(re.sub(r'"[^"\n]*"', "", prose(page)))


@pytest.mark.parametrize("paper", PAPERS, ids=name)
def test_the_links_of_the_papers_lead_somewhere(paper: Path) -> None:
    for link in LINK.finditer(prose(paper)):
        if "://" not in link["to"]:
            assert (paper.parent / link["to"]).exists(), link["to"]


def test_every_lab_has_its_lesson_and_the_index_and_the_navigation_name_it() -> None:
    index = INDEX.read_text("utf-8")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    labs = [path.name for path in (ROOT / "labs").iterdir() if re.match(r"\d\d-", path.name)]
    assert labs
    for slug in labs:
        assert (DOCS / f"lessons/{slug}.md").is_file()
        assert f"({slug}.md)" in index
        assert f"lessons/{slug}.md" in settings


def test_the_index_promises_no_page_that_is_not_there() -> None:
    index = INDEX.read_text("utf-8")
    rows = re.findall(r"^\| (\d\d) \| (.*?) \|", index, flags=re.MULTILINE)
    assert len(rows) == len([path for path in (ROOT / "labs").iterdir() if re.match(r"\d\d-", path.name)])
    for number, title in rows:
        there = any((DOCS / "lessons").glob(f"{number}-*.md"))
        assert ("(coming)" in title) != there, f"lesson {number}"


def test_the_index_and_the_read_me_tell_what_the_labs_say_of_themselves() -> None:
    for lab in Catalogue(Places(ROOT, ROOT)):
        facts = f"| {lab.toml.claim.rstrip('.')} | {lab.toml.minutes} min |"
        assert f"| {lab.number} | [{lab.toml.title}]({lab.slug}.md) {facts}" in INDEX.read_text("utf-8")
        assert f"| {lab.number} {lab.toml.title} {facts}" in (ROOT / "README.md").read_text("utf-8")


def test_the_styles_and_pictures_fetch_nothing() -> None:
    fetches = re.compile(
        r"""(href|src)\s*=\s*["'][^"'#]|url\(\s*["']?[^"'#)]|@import|https?://(?!www\.w3\.org/)"""
    )
    for asset in (DOCS / "assets").rglob("*.*"):
        if "vendor" in asset.parts or asset.suffix == ".png":
            continue  # pixels fetch nothing; a library is held to its package by hash; the browser tests see what it asks for
        text = asset.read_text("utf-8")
        if asset.suffix == ".svg":  # what is written in a picture is not fetched by it
            text = re.sub(r">[^<]*<", "><", text)
        assert not fetches.search(text), name(asset)

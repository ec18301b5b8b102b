"""Which Kubernetes the course has: it stands in the modules that it is compiled from, and nothing says otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checker.images.catalogue import Images

ROOT = Path(__file__).parents[3]
MODULES = (ROOT / "images/kubernetes/src/go.mod").read_text(encoding="utf-8")
NAMED = re.compile(r"(?<![\w.-])kubernetes:(\d+\.\d+)\b")
"""The image, by its tag."""


def version() -> str:
    found = re.findall(r"^\tk8s\.io/kubernetes v(1\.\d+\.\d+)$", MODULES, re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def minor() -> str:
    return version().rpartition(".")[0]


def files() -> list[Path]:
    """What may name the image: scenes, labs, images, tests and pages; not what was measured with one before."""
    folders = ("images", "labs", "tests", "docs", "checker", "notebooks")
    kinds = {".toml", ".yaml", ".py", ".md", ".sh", ".ipynb", ""}
    found = [
        file
        for each in folders
        for file in (ROOT / each).rglob("*")
        if file.suffix in kinds and file.is_file()
    ]
    return [file for file in found if "_facts" not in file.parts and file != Path(__file__)]


def named(text: str) -> set[str]:
    """Return the tags under which a text names the image, but for what was measured."""
    lines = [line for line in text.splitlines() if not line.startswith('"drydock/')]
    return set(NAMED.findall("\n".join(lines)))


def test_the_image_s_one_tag_is_the_version_that_its_modules_have() -> None:
    tags = {image.tag for image in Images(ROOT) if image.name == "kubernetes"}
    assert tags == {minor()}


def test_whoever_names_the_image_names_that_tag() -> None:
    wrong, users = {}, 0
    for file in files():
        found = named(file.read_text(encoding="utf-8", errors="replace"))
        users += bool(found)
        if found - {minor()}:
            wrong[str(file.relative_to(ROOT))] = found
    assert wrong == {}
    assert users >= 4, "the scene, two labs, the images and the toolbox name it"


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("  image: drydock/kubernetes:1.20", {"1.20"}),
        ('images = ["kubernetes:1.20", "parcel:1.0"]', {"1.20"}),
        ('"drydock/kubernetes:1.20" = "87d9b7d14cd9, 418 MB"', set()),
        ("toolbox:1.0-kubernetes", set()),
    ],
)
def test_the_image_is_found_where_it_is_named_and_not_where_it_was_measured(
    line: str, tags: set[str]
) -> None:
    assert named(line) == tags


def test_every_module_that_kubernetes_publishes_beside_itself_is_of_the_same_release() -> None:
    beside = re.findall(r"^\t(k8s\.io/\S+) => \S+ v(\S+)$", MODULES, re.MULTILINE)
    assert len(beside) > 20
    assert {each for _, each in beside} == {f"0{version().removeprefix('1')}"}


def test_the_recipe_and_its_arguments_have_the_version_of_the_modules() -> None:
    recipe = (ROOT / "images/kubernetes/Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"\bv?(1\.\d\d(?:\.\d+)?)\b", recipe) == [version(), minor()]
    assert Images(ROOT).find("kubernetes").args == {"VERSION": minor(), "KUBERNETES": f"v{version()}"}


def test_lessons_show_nodes_of_that_version() -> None:
    lesson = (ROOT / "docs/lessons/10-kubernetes.md").read_text(encoding="utf-8")
    shown = re.findall(r"\bv(1\.\d\d)\b", lesson)
    assert len(shown) >= 3
    assert set(shown) == {minor()}

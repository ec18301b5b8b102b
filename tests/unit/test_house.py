"""The rules of the house: which way imports go, that tools are content, that modules and verbs say what they are."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.cli.parser import build_parser, verbs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

LAYERS = (
    ("cli",),
    ("notebook",),
    ("site", "jupyter", "render", "authoring", "doctor"),
    ("session",),
    ("progress",),
    ("cluster",),
    ("grading",),
    ("scene",),
    ("foreign",),
    ("images",),
    ("timeline",),
    ("engine",),
    ("course",),
    ("results",),
    ("background",),
    ("errors", "interruption", "whole"),
    ("bootstrap",),
)
"""Imports go down this list, never up; bootstrap runs before anything is installed, and so uses nothing above it."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

MODULES = sorted((ROOT / "checker").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the modules that a file imports, also inside functions; those for the type checker alone are left out."""
    todo: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level or file.parts[-2] == "checks", f"{file}: relative import"
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        todo += ast.iter_child_nodes(node)


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "checker" and len(parts) > 1 else ""


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_go_down(file: Path) -> None:
    own = layer_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
    if own in {"__init__", "__main__"}:
        return
    assert own in RANK, f"{own} has no place in LAYERS; design pages and CONTRIBUTING name them too"
    for module, line in imports(file):
        other = layer_of(module)
        if other in RANK:
            assert RANK[own] <= RANK[other], f"{name_of(file)}:{line} imports {module}, which is above it"


def test_only_one_module_knows_testinfra() -> None:
    found = {
        name_of(file)
        for file in MODULES
        for module, _ in imports(file)
        if module.split(".")[0] == "testinfra"
    }
    assert found == {"checker/grading/backend.py"}


def test_labs_import_testinfra_nowhere() -> None:
    files = sorted((ROOT / "labs").rglob("checks/*.py"))
    assert files
    assert not [file for file in files for module, _ in imports(file) if module.split(".")[0] == "testinfra"]


@pytest.mark.parametrize("file", [*MODULES, *TESTS], ids=name_of)
def test_a_module_says_what_it_owns(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not text or (ast.get_docstring(ast.parse(text)) or "").strip()


def calls_sleep(file: Path) -> list[int]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == "sleep")
            or (isinstance(node.func, ast.Name) and node.func.id == "sleep")
        )
    ]


@pytest.mark.parametrize(
    # The rounds under fire are a program: it waits in loops of its own.
    "file",
    [file for file in TESTS if file.parent.name != "fire"],
    ids=name_of,
)
def test_no_test_sleeps(file: Path) -> None:
    assert not calls_sleep(file), "wait for a condition with a deadline instead"


@pytest.mark.parametrize("verb", verbs())
def test_a_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"checker.cli.verbs.{verb}")
    assert module.SUMMARY
    assert module.SUMMARY[0].islower()
    assert not module.SUMMARY.endswith(".")
    assert re.search(rf"\blab {verb}\b", module.EXAMPLE)
    with pytest.raises(SystemExit) as caught:
        build_parser(verb).parse_args([verb, "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert module.EXAMPLE in said
    assert (module.__doc__ or "nothing").strip().splitlines()[0] in said


def test_every_verbs_module_is_listed() -> None:
    folder = ROOT / "checker" / "cli" / "verbs"
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(verbs())


SOURCES = [
    name
    for name in ("checker", "tests", "labs", "images", "benchmarks", "notebooks", "lab")
    if (ROOT / name).exists()
]


def tool(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    tool("ruff", "check", "--quiet", *SOURCES)


def test_the_code_is_formatted() -> None:
    tool("ruff", "format", "--check", "--quiet", *SOURCES)


def test_types_are_strict_and_hold() -> None:
    tool("mypy")


def test_every_fault_that_is_listed_has_its_test() -> None:
    listed = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "tests" / "README.md").read_text(encoding="utf-8"))
    assert len(listed) > 30
    for file, name in listed:
        assert re.search(
            rf"^def {name}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE
        ), name

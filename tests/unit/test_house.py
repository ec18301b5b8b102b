"""The rules of the house: which way imports go, that tools are content, that modules and verbs say what they are."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checker.cli.parser import build_parser, verbs

ROOT = Path(__file__).resolve().parents[2]

MODULES = sorted((ROOT / "checker").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_imports_go_down() -> None:
    done = run("from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout, done.stdout


@pytest.mark.parametrize(
    "line",
    [
        "from checker.cli import parser",
        "if TYPE_CHECKING:\n    from checker.cli.parser import verbs",
        "def late():\n    import checker.session.session",
        "import testinfra",
    ],
)
def test_an_import_that_goes_up_is_found_wherever_it_stands(tmp_path: Path, line: str) -> None:
    shutil.copytree(ROOT / "checker", tmp_path / "checker", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "checker/engine/labels_of_a_test.py"
    file.write_text(f"from typing import TYPE_CHECKING\n{line}\n")
    done = run(
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))", tmp_path
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "checker.engine.labels_of_a_test" in done.stdout


def run(code: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # -P and the path: an import of `checker` is one of the folder, not of an installed package.
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def modules_named_in_strings(file: Path) -> list[str]:
    """Return our modules whose names stand in a file's strings, as in `import_module` or after `-m`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"checker(\.\w+)*\.?", node.value)
    ]


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_named_in_a_string_is_of_the_same_package(file: Path) -> None:
    """What is loaded or started by name is an import that no linter sees, so it must not leave its package."""
    own = file.relative_to(ROOT).with_suffix("").parts
    for name in modules_named_in_strings(file):
        # `python -m checker` is the command itself, as a person starts it.
        if name != "checker":
            assert name.split(".")[1] == own[1], f"{name_of(file)} names {name}: import it"


def test_labs_import_testinfra_nowhere() -> None:
    files = sorted((ROOT / "labs").rglob("checks/*.py"))
    assert files
    assert not [
        file
        for file in files
        if re.search(r"^\s*(import|from) testinfra\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]


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

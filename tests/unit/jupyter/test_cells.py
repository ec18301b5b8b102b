"""The notebooks of the course: clean, and their cells hold to ruff and mypy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from checker.jupyter import clean
from tests.unit.jupyter.conftest import cell, notebook

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESS_STRICT = (
    # A later cell may improve on a function or a variable of an earlier one: that is how a notebook tells.
    "--allow-redefinition",
    "--disable-error-code=no-redef",
    # Learners read and write functions without annotations.
    "--allow-untyped-defs",
    "--allow-untyped-calls",
    "--allow-incomplete-defs",
    # An empty list fills up in a loop, and a gap of `your turn` is an ellipsis until it is filled.
    "--disable-error-code=var-annotated",
    "--disable-error-code=comparison-overlap",
    # A notebook may await at its top.
    "--disable-error-code=top-level-await",
    # pandas and the Docker SDK come without types.
    "--ignore-missing-imports",
    "--disable-error-code=import-untyped",
    # What of the course is imported says where it needs that.
    "--no-warn-unused-ignores",
)
"""Where cells are held to less than the project's own code, and why."""

_MAGIC = re.compile(r"^(\s*)[%!?].*$|^(\s*)(\w+)\s*=\s*[%!].*$")


def code_of(text: str) -> str:
    """Return a notebook's code cells as one module; what is IPython's and not Python's is left out, line for line."""
    lines = ["from IPython import get_ipython", "from IPython.display import display"]
    for number, each in enumerate(json.loads(text)["cells"]):
        if each["cell_type"] != "code":
            continue
        source = "".join(each["source"]).splitlines()
        lines.append(f"# cell {number}: {each.get('id', '')}")
        whole = bool(source) and source[0].startswith("%%")
        for line in source:
            found = _MAGIC.match(line)
            if whole:
                lines.append(f"# {line}")
            elif found and found[3]:
                lines.append(f"{found[2]}{found[3]}: list[str] = []  # {line.strip()}")
            elif found:
                lines.append(f"{found[1]}pass  # {line.strip()}")
            else:
                lines.append(line)
    return "\n".join(lines) + "\n"


def mypy(modules: list[Path], cache: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy on modules made of cells, with the project's settings but for LESS_STRICT."""
    words = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir"]
    return subprocess.run(
        [*words, str(cache), *LESS_STRICT, *map(str, modules)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def ruff(words: list[str], text: str) -> subprocess.CompletedProcess[str]:
    """Run ruff on the text of a notebook, as if it lay in notebooks/."""
    return subprocess.run(
        [sys.executable, "-m", "ruff", *words, "--stdin-filename", "notebooks/04-a.ipynb", "-"],
        input=text,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_course_has_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_clean(file: Path) -> None:
    again = f".venv/bin/python -m checker.jupyter.clean {file.relative_to(ROOT)}"
    assert not clean.clean(file, write=False), again


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_begins_with_its_title(file: Path) -> None:
    first = json.loads(file.read_text("utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown"
    assert "".join(first["source"]).startswith("# ")


def test_the_cells_types_hold(tmp_path: Path) -> None:
    modules = []
    for file in NOTEBOOKS:
        module = tmp_path / f"cells_{file.stem.replace('-', '_')}.py"
        module.write_text(code_of(file.read_text("utf-8")))
        modules.append(module)
    assert modules
    done = mypy(modules, ROOT / ".mypy_cache")
    assert done.returncode == 0, done.stdout


def test_a_type_that_does_not_hold_is_found_and_what_is_ipythons_is_not(tmp_path: Path) -> None:
    text = notebook(
        cell("markdown", "x: int = 'no code'"),
        cell("code", "%lab check 4\nfiles = !ls\nif files:\n    %matplotlib inline\n"),
        cell("code", "%%bash\nthis is no Python\n"),
        cell("code", "answer = 42\n\ndef twice(n):\n    return n * 2\n"),
        cell(
            "code",
            "answer = 'of another type'\n\ndef twice(n):\n    return n + n\n\ntwice(answer)\ndisplay(answer)",
        ),
    )
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(code_of(text))
    bad.write_text(code_of(text) + "\nlen(42)\n")
    done = mypy([good], ROOT / ".mypy_cache")
    assert done.returncode == 0, done.stdout
    done = mypy([bad], ROOT / ".mypy_cache")
    assert done.returncode == 1
    assert "len" in done.stdout


def test_ruff_looks_at_cells_and_lets_a_cell_end_with_a_value() -> None:
    good = notebook(
        cell("code", "import json\n\n\ndef double(n):\n    return n * 2"),
        cell("code", 'import os\n\ndouble(json.loads(os.environ["A"]))'),
    )
    assert ruff(["check", "--quiet"], good).stdout == ""
    assert "F401" in ruff(["check", "--output-format", "concise"], notebook(cell("code", "import os"))).stdout
    assert ruff(["format", "--check", "--quiet"], notebook(cell("code", "a=1"))).returncode == 1

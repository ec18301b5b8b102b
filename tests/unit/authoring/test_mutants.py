"""Which faults are tried, and what is said of those that no test noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.authoring.mutants import Mutant, choose, judge, matters, read_table, run_mutants
from checker.errors import ExitCode, LabError, MisuseError

ROOT = Path(__file__).parents[3]

MANY = [
    Mutant(file, line, 4, f"core/{operator}", line)
    for file in ("a.py", "b.py")
    for line in range(1, 21)
    for operator in ("One", "Two", "Three")
]


def test_a_sample_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert len(choose(MANY, 10, 1)) == 10
    assert choose(MANY, 10, 1) == choose(MANY, 10, 1)
    assert choose(MANY, 10, 1) != choose(MANY, 10, 2)


def test_one_fault_is_tried_at_each_place() -> None:
    everything = choose(MANY, 0, 1)
    assert sorted({(each.file, each.line) for each in everything}) == [
        (each.file, each.line) for each in everything
    ]
    assert len(everything) == 40
    assert len({each.operator for each in everything}) == 3
    assert {each.file for each in choose(MANY, 10, 1)} == {"a.py", "b.py"}


MODULE = """
from __future__ import annotations
if TYPE_CHECKING:
    from x import y
    OLD = 1
LIMIT: int | None = 3
def f(a: int | str, b: bool = True) -> int | None:
    c: list[int | str] = [1]
    return a | b
"""


@pytest.mark.parametrize(
    ("at", "can"),
    [
        ("OLD = 1", False),
        ("| None = 3", False),
        ("3\n", True),
        ("| str, b", False),
        ("True", True),
        ("| None:", False),
        ("| str] =", False),
        ("1]", True),
        ("| b", True),
    ],
)
def test_a_fault_where_nothing_is_evaluated_is_not_tried(at: str, *, can: bool) -> None:
    before = MODULE[: MODULE.index(at)].splitlines(keepends=True)
    assert matters(MODULE)(Mutant("m.py", len(before), len(before[-1]), "core/Any", 0)) is can


@pytest.mark.parametrize(
    ("survived", "tried", "code", "said"),
    [
        (2, 10, ExitCode.OK, "2 of 10 faults survived (20%; at most 20% may)"),
        (3, 10, ExitCode.CHECK_FAILED, "3 of 10 faults survived (30%; at most 20% may)"),
        (
            0,
            4,
            ExitCode.OK,
            "0 of 4 faults survived (0%; at most 20% may). The time was up before the other 6",
        ),
        (0, 0, ExitCode.CHECK_FAILED, "no fault was tried, which proves nothing"),
    ],
)
def test_the_bound_holds_over_what_was_tried(survived: int, tried: int, code: ExitCode, said: str) -> None:
    lines: list[str] = []
    assert judge(survived, tried, 10, 0.2, lines.append) is code
    assert lines == [said]


def test_every_module_in_the_table_is_there_and_so_are_its_tests() -> None:
    table = read_table(ROOT)
    assert len(table.modules) > 10
    assert 0 < table.most < 0.5
    for name, tests in table.modules.items():
        assert (ROOT / name).is_file(), name
        assert tests, name
        assert all((ROOT / each).exists() for each in tests), tests


def small_checkout(root: Path, test: str) -> Path:
    """Make a checkout with one module that decides, and one test."""
    for name in ("checker", "docs", "images", "labs", "requirements", "tests"):
        (root / name).mkdir(parents=True)
    for name in ("lab", "mkdocs.yml"):
        (root / name).touch()
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (root / "checker/__init__.py").touch()
    (root / "checker/small.py").write_text("def is_large(n: int) -> bool:\n    return n > 9\n")
    (root / "tests/test_small.py").write_text(f"from checker.small import is_large\n\n{test}")
    (root / "tests/mutants.toml").write_text(
        'most = 0.2\n[modules]\n"checker/small.py" = ["tests/test_small.py"]\n'
    )
    return root


GOOD = "def test_it():\n    assert [is_large(n) for n in (8, 9, 10, 11)] == [False, False, True, True]\n"
WEAK = "def test_it():\n    assert is_large(100)\n"


def test_a_module_that_is_not_in_the_table_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"names no tests for checker/other\.py") as caught:
        run_mutants(small_checkout(tmp_path / "c", GOOD), ["checker/other.py"], print)
    assert "checker/small.py" in caught.value.remedy


@pytest.mark.parametrize(("test", "code"), [(GOOD, ExitCode.OK), (WEAK, ExitCode.CHECK_FAILED)])
def test_faults_that_no_test_notices_are_listed_with_their_line_and_change(
    tmp_path: Path, test: str, code: ExitCode
) -> None:
    pytest.importorskip("cosmic_ray", reason="`lab test mutants` installs it")
    root = small_checkout(tmp_path / "c", test)
    lines: list[str] = []
    assert run_mutants(root, ["--sample", "0", "--seed", "3"], lines.append) is code
    listed = [line for line in lines if line.startswith("survived: checker/small.py:2 core/")]
    assert bool(listed) is (code is not ExitCode.OK)
    assert all("    -    return n > 9\n    +    return n " in line for line in listed)
    assert (root / "checker/small.py").read_text().endswith("return n > 9\n"), "the real file is as it was"


def test_tests_that_fail_without_a_fault_prove_nothing(tmp_path: Path) -> None:
    pytest.importorskip("cosmic_ray", reason="`lab test mutants` installs it")
    root = small_checkout(tmp_path / "c", "def test_it():\n    assert not is_large(100)\n")
    with pytest.raises(LabError, match="do not pass without a fault either"):
        run_mutants(root, [], lambda _: None)

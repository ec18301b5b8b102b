"""Mutants: one small fault at a time in the modules that decide, to see whether a test notices each.

cosmic-ray finds where a fault can be put and puts it there, in a copy of the checkout. What is here chooses which faults
are tried, keeps to a time, and holds a bound on how many may pass unseen.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.errors import ExitCode, LabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

TABLE = "tests/mutants.toml"
"""Which tests must notice a fault in which module, and the bound."""

SECONDS = 3600.0
"""How long the faults are tried in all, by default. A fault that was begun is brought to its end."""

SAMPLE = 100
"""How many faults are tried, by default."""

_SLOWER = 10
"""A test that takes so many times as long as without the fault hangs in it; that is noticed, too."""

_LEAST_SECONDS = 60.0
"""Less than this is no sign of a hang on a machine with other work."""

_COPIED = (
    "checker",
    "docs",
    "images",
    "labs",
    "requirements",
    "tests",
    "lab",
    "mkdocs.yml",
    "pyproject.toml",
)


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, and how cosmic-ray makes it.

    Args:
        file: the module, as a path in the checkout.
        line: the line, from 1.
        column: the column, from 0.
        operator: cosmic-ray's name for what it changes, such as `core/ReplaceComparisonOperator_Eq_NotEq`.
        occurrence: which of the places in the module where that can be done.
    """

    file: str
    line: int
    column: int
    operator: str
    occurrence: int


@dataclass(frozen=True)
class Survivor:
    """A fault that no test noticed, and the lines that it changed."""

    mutant: Mutant
    change: str


@dataclass(frozen=True)
class Table:
    """The tests of each module, and the largest part of the faults that may survive."""

    modules: dict[str, tuple[str, ...]]
    most: float


def read_table(root: Path) -> Table:
    """Return which tests must notice a fault in which module."""
    data = tomllib.loads((root / TABLE).read_text("utf-8"))
    return Table({name: tuple(tests) for name, tests in data["modules"].items()}, float(data["most"]))


def choose(mutants: Iterable[Mutant], sample: int, seed: int) -> list[Mutant]:
    """Return a sample, the same for the same seed: one fault a place, because those of one place are similar.

    Args:
        mutants: what can be tried.
        sample: how many at most; 0 for one at every place.
        seed: of the choice.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for each in mutants:
        places.setdefault((each.file, each.line, each.column), []).append(each)
    chosen = [chance.choice(several) for _, several in sorted(places.items())]
    chance.shuffle(chosen)
    chosen = chosen[:sample] if sample else chosen
    # One module after the other: its tests are timed once, without a fault.
    return sorted(chosen, key=lambda each: (each.file, each.line, each.column))


def matters(text: str) -> Callable[[Mutant], bool]:
    """Return a function that says whether a fault in a module can change what it does.

    Annotations are never evaluated, as every module postpones them, and nothing runs in a block for the type checker.
    """
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for node in ast.walk(ast.parse(text)):
        idle: list[ast.AST | None] = []
        if isinstance(node, ast.AnnAssign | ast.arg):
            idle = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            idle = [node.returns]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            idle = [node]
        spans.extend(
            ((part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0))
            for part in idle
            if isinstance(part, ast.expr | ast.stmt)
        )
    return lambda mutant: not any(begin <= (mutant.line, mutant.column) < end for begin, end in spans)


def run_mutants(root: Path, words: Sequence[str], say: Callable[[str], None]) -> ExitCode:
    """Try a sample of faults and list those that no test noticed.

    Args:
        root: the checkout.
        words: the options of `lab test mutants`, as a person writes them after `--`.
        say: called with what is being done, and with each result.

    Returns:
        CHECK_FAILED when more survive than the table allows.

    Raises:
        MisuseError: a module is not in the table.
        LabError: cosmic-ray is missing, or the tests fail without a fault.
    """
    table = read_table(root)
    args = _options(table).parse_args(list(words))
    if unknown := [each for each in args.module if each not in table.modules]:
        raise MisuseError(
            f"{TABLE} names no tests for {unknown[0]}.", remedy=f"Modules: {', '.join(table.modules)}."
        )
    end = time.monotonic() + args.seconds
    with _copy(root) as copy:
        found = [each for name in args.module or table.modules for each in _find(copy, name)]
        chosen = choose(found, args.sample, args.seed)
        say(f"{len(found)} faults can be made; trying {len(chosen)} of them, with the seed {args.seed}")
        survivors, tried = _try(copy, table, chosen, end, say)
    for each in survivors:
        say(f"survived: {each.mutant.file}:{each.mutant.line} {each.mutant.operator}\n{each.change}")
    return judge(len(survivors), tried, len(chosen), args.most, say)


def judge(survived: int, tried: int, chosen: int, most: float, say: Callable[[str], None]) -> ExitCode:
    """Say how many faults survived, and whether the bound holds."""
    if not tried:
        say("no fault was tried, which proves nothing")
        return ExitCode.CHECK_FAILED
    share = survived / tried
    say(
        f"{survived} of {tried} faults survived ({share:.0%}; at most {most:.0%} may)"
        f"{'' if tried == chosen else f'. The time was up before the other {chosen - tried}'}"
    )
    return ExitCode.OK if share <= most else ExitCode.CHECK_FAILED


def _options(table: Table) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab test mutants --")
    parser.add_argument("module", nargs="*", help=f"a module of {TABLE}; all of them if you name none")
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, help="how many faults to try; 0 for one at each place"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="begin no fault after so long")
    parser.add_argument(
        "--most", type=float, default=table.most, help="the largest part that may survive, from 0 to 1"
    )
    return parser


@contextlib.contextmanager
def _copy(root: Path) -> Iterator[Path]:
    """Yield a copy of the checkout to put faults into; an interrupted run must not leave one in the real files."""
    with tempfile.TemporaryDirectory(prefix="drydock-mutants-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            if (root / name).is_dir():
                shutil.copytree(
                    root / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy2(root / name, copy / name)
        with contextlib.chdir(copy):
            yield copy


def _find(copy: Path, name: str) -> Iterator[Mutant]:
    """Yield the faults that can be made in a module and change what it does."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path  # noqa: PLC0415 - only this part of the tests has it
    from cosmic_ray.plugins import get_operator, operator_names  # noqa: PLC0415

    can_matter = matters((copy / name).read_text("utf-8"))
    nodes = list(ast_nodes(get_ast_from_path(copy / name)))
    for operator in operator_names():
        made: Any = get_operator(operator)
        if made.arguments():
            continue  # it needs arguments
        positions = (begin for node in nodes for begin, _ in made().mutation_positions(node))
        for occurrence, (line, column) in enumerate(positions):
            mutant = Mutant(name, line, column, operator, occurrence)
            if can_matter(mutant):
                yield mutant


def _try(
    copy: Path, table: Table, chosen: Sequence[Mutant], end: float, say: Callable[[str], None]
) -> tuple[list[Survivor], int]:
    """Return the faults that survived, and how many were tried."""
    from cosmic_ray.mutating import mutate_and_test  # noqa: PLC0415 - as in _find
    from cosmic_ray.work_item import MutationSpec, TestOutcome  # noqa: PLC0415

    survivors: list[Survivor] = []
    timed: dict[str, float] = {}
    for tried, each in enumerate(chosen):
        if time.monotonic() > end:
            return survivors, tried
        command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += table.modules[each.file]
        if each.file not in timed:
            timed[each.file] = _seconds_without_a_fault(copy, each.file, command)
        seconds = max(_LEAST_SECONDS, _SLOWER * timed[each.file])
        where = (each.line, each.column)
        spec = MutationSpec(
            module_path=each.file,
            operator_name=each.operator,
            occurrence=each.occurrence,
            start_pos=where,
            end_pos=(each.line, each.column + 1),
        )
        result = mutate_and_test([spec], shlex.join(command), seconds)
        if result.test_outcome is TestOutcome.INCOMPETENT or result.test_outcome is None:
            raise LabError(
                f"cosmic-ray could not make a fault in {each.file}:{each.line}.", detail=result.output or ""
            )
        survived = result.test_outcome is TestOutcome.SURVIVED
        if survived:
            survivors.append(Survivor(each, _change(result.diff or "")))
        say(f"{tried + 1}/{len(chosen)} {each.file}:{each.line} {'SURVIVED' if survived else 'noticed'}")
    return survivors, len(chosen)


def _seconds_without_a_fault(copy: Path, name: str, command: Sequence[str]) -> float:
    begin = time.monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    if done.returncode:
        raise LabError(
            f"The tests of {name} do not pass without a fault either.",
            remedy=f"Repair them first: pytest {' '.join(command[8:])}",
            detail="\n".join(done.stdout.splitlines()[-15:]),
        )
    return time.monotonic() - begin


def _change(diff: str) -> str:
    """Return the lines of a difference that were removed or added."""
    lines = [line for line in diff.splitlines() if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]
    return "\n".join(f"    {line}" for line in lines)

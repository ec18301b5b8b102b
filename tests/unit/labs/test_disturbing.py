"""A check that breaks something says so first: the live page judges by itself, and must not take a node from a rollout."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BREAKS = frozenset(
    [
        "contained",
        "crash",
        "damage",
        "evict",
        "fault",
        "freeze",
        "kill",
        "lose",
        "cut_off",
        "rehearsal",
        "release_bad",
        "replaced",
        "require_moves",
        "require_refuses",
        "_require_tracking",
        "restart",
        "set_back",
        "stop",
    ]
)
"""The names of functions that break something of the learner's, or change it."""

OTHERWISE = {
    "02-works-on-my-machine/checks/alone.py:_stop": "stops a container of the check's own",
    "02-works-on-my-machine/checks/test_labels.py:test_runtime_untouched": "`lab.replaced` compares an image",
    "02-works-on-my-machine/checks/recipe.py:only_here": "`lab.replaced` compares an image",
    "04-containers-vs-vms/checks/test_measurements.py:test_images_unchanged": "`lab.replaced` compares an image",
    "03-isolation/checks/given.py:_require_as_given": "`lab.replaced` compares an image",
    "07-self-healing/checks/server.py:repair": "after a fault",
    "07-self-healing/checks/test_self_healing.py:test_store_healed": "hands its faults to `_heal`, which says so",
    "10-kubernetes/checks/loss.py:_evict_one": "called by the one that says so",
    "15-continuous-delivery/checks/in_runner.py:end_pushes": "ends what a check that was interrupted has left",
}
"""Functions that call one of these names and need not say so, and why."""


def calls(function: ast.FunctionDef) -> list[tuple[int, str]]:
    """Return the line and the name of each call in a function."""
    found = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
    return [
        (
            each.lineno,
            each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", ""),
        )
        for each in found
    ]


def breaking(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield each function that breaks something, and whether it says so before."""
    for function in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef):
            made = calls(function)
            said = min((line for line, name in made if name == "disturb"), default=None)
            lines = [line for line, name in made if name in BREAKS]
            if lines:
                yield function.name, said is not None and said < min(lines)


def test_every_check_that_breaks_something_says_so_first() -> None:
    labs = ROOT / "labs"
    found = {
        f"{file.relative_to(labs).as_posix()}:{name}": said
        for file in sorted(labs.glob("*/checks/*.py"))
        for name, said in breaking(file)
    }
    assert sum(found.values()) >= 10
    assert {name for name, said in found.items() if not said} == OTHERWISE.keys()

"""Cells that the learner must complete: while there are gaps, the cell says so, and the cells below still run."""

from __future__ import annotations

import ast

from IPython.core.getipython import get_ipython

MARK = "# Your turn"
"""The learner completes a cell that begins with this comment; each `...` in it is a gap."""


def register() -> None:
    """Make this kernel skip cells with gaps; a second call changes nothing."""
    shell = get_ipython()
    if shell is not None and without_gaps not in shell.input_transformers_post:
        shell.input_transformers_post.append(without_gaps)


def gaps_in(source: str) -> list[int]:
    """Return the lines, from 1, with a gap that is not filled yet.

    Args:
        source: the cell; only a cell that begins with the mark has gaps, so that `...` keeps its meaning in others.
    """
    if not source.lstrip().startswith(MARK):
        return []
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # Python's own message is better.
        return []
    return sorted(
        {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value is ...}
    )


def without_gaps(lines: list[str]) -> list[str]:
    """Return a cell's lines as they are or, if it has gaps, lines that say so."""
    left = gaps_in("".join(lines))
    if not left:
        return lines
    told = f"line {left[0]}" if len(left) == 1 else f"lines {', '.join(map(str, left[:-1]))} and {left[-1]}"
    return [
        f"print({f'This cell was not run: it still has gaps, in {told}.'!r})\n",
        "print('Replace every ... and run the cell again. Until then, the cells below run without it.')\n",
    ]

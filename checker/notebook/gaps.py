"""What becomes of a cell that the learner is to complete: with gaps left it says so, and the cells below go on."""

from __future__ import annotations

import ast

from IPython.core.getipython import get_ipython

MARK = "# Your turn"
"""A cell that begins with this comment is the learner's to complete; each `...` in it is a gap."""


def register() -> None:
    """Teach this kernel to leave out a cell with gaps; asked for again it changes nothing."""
    shell = get_ipython()
    if shell is not None and without_gaps not in shell.input_transformers_post:
        shell.input_transformers_post.append(without_gaps)


def gaps_in(source: str) -> list[int]:
    """Return the lines, from 1, with a gap that is not filled yet.

    Args:
        source: the cell; only one that begins with the mark has gaps, so that `...` keeps its meaning elsewhere.
    """
    if not source.lstrip().startswith(MARK):
        return []
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # Python itself says better what is wrong.
        return []
    return sorted(
        {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value is ...}
    )


def without_gaps(lines: list[str]) -> list[str]:
    """Return a cell's lines as they are, or, when it has gaps, one line that tells of them."""
    left = gaps_in("".join(lines))
    if not left:
        return lines
    told = f"line {left[0]}" if len(left) == 1 else f"lines {', '.join(map(str, left[:-1]))} and {left[-1]}"
    return [
        f"print({f'This cell was not run: it still has gaps, in {told}.'!r})\n",
        "print('Replace every ... and run it again. Until then the cells below go on without it.')\n",
    ]

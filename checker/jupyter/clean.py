"""Notebooks as they are committed: no outputs, counts, timings or machine facts, the same text from every machine.

`python -m checker.jupyter.clean notebooks/*.ipynb` writes them so; with `--check` it says which are not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

from checker.errors import ExitCode, LabError

KERNELSPEC = {"display_name": "Drydock", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
"""Without the version of Python, which is each machine's own."""

KEPT_OF_CELLS = frozenset({"tags", "drydock"})
"""What an author may say of a cell; all else is written by programs that opened the notebook."""
KEPT_OF_NOTEBOOKS = frozenset({"drydock"})

_ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
"""Ids that an author gives; JupyterLab's own are eight hexadecimal digits or a UUID."""
_MACHINE_ID = re.compile(r"^([0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_LONGEST_ID = 64
_WORDS_IN_ID = 5


def cleaned(text: str) -> str:
    """Return a notebook's text as it is committed; what is clean comes out as it was.

    Args:
        text: the JSON of a notebook of format 4.

    Raises:
        LabError: it is no such notebook.
    """
    try:
        notebook = json.loads(text)
        cells = notebook["cells"]
        if notebook["nbformat"] != 4:
            raise LabError(f"It has format {notebook['nbformat']}, not 4.", remedy="Save it by JupyterLab.")
        taken: set[str] = set()
        # An empty cell that an author tagged is there for the learner; others are what an editor left at the end.
        kept = [cell for cell in cells if "".join(cell["source"]).strip() or cell["metadata"].get("tags")]
        made = [_cell(cell, taken) for cell in kept]
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"It is not a notebook: {error!r}.", remedy="Save it by JupyterLab.") from error
    own = {name: value for name, value in notebook.get("metadata", {}).items() if name in KEPT_OF_NOTEBOOKS}
    result = {
        "cells": made,
        "metadata": {**own, "kernelspec": KERNELSPEC, "language_info": LANGUAGE},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(result, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(cell: dict[str, Any], taken: set[str]) -> dict[str, Any]:
    # Blanks at a line's end mean something in Markdown; at a cell's end they mean nothing.
    lines = "".join(cell["source"]).strip("\n").rstrip().split("\n")
    made: dict[str, Any] = {
        "cell_type": cell["cell_type"],
        "id": _id(cell, taken),
        "metadata": {
            name: value for name, value in cell.get("metadata", {}).items() if name in KEPT_OF_CELLS
        },
        "source": [f"{line}\n" for line in lines[:-1]] + lines[-1:],
    }
    if cell["cell_type"] == "code":
        made |= {"execution_count": None, "outputs": []}
    return made


def _id(cell: dict[str, Any], taken: set[str]) -> str:
    """Return the id that the author gave, or one of the cell's first words; each once in a notebook."""
    wanted = str(cell.get("id", ""))
    if not _ID.match(wanted) or _MACHINE_ID.match(wanted) or len(wanted) > _LONGEST_ID:
        wanted = _named(cell)
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    taken.add(found)
    return found


def _named(cell: dict[str, Any]) -> str:
    text = unicodedata.normalize("NFKD", "".join(cell["source"])).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", text)[:_WORDS_IN_ID]
    name = "-".join(words)[: _LONGEST_ID - 8].strip("-")
    return (
        name if _ID.match(name) and not _MACHINE_ID.match(name) else f"{cell['cell_type']}-{name}".strip("-")
    )


def clean(file: Path, *, write: bool = True) -> bool:
    """Clean one notebook and return whether there was something to do.

    Args:
        file: the notebook.
        write: False to look only.

    Raises:
        LabError: it is not a notebook, or cannot be read or written; the message names it.
    """
    try:
        before = file.read_text("utf-8")
        after = cleaned(before)
        if after == before:
            return False
        if write:
            file.write_text(after, "utf-8", newline="\n")
    except LabError as error:
        raise LabError(f"{file}: {error.what}", remedy=error.remedy) from error
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file} cannot be cleaned: {error}.", remedy="Restore the file.") from error
    return True


def main(words: list[str] | None = None) -> int:
    """Clean the notebooks that are named; return the exit code."""
    parser = argparse.ArgumentParser(description="Take out of notebooks what a run put in.")
    parser.add_argument("notebooks", metavar="NOTEBOOK", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when one is not clean")
    args = parser.parse_args(words)
    try:
        dirty = [file for file in args.notebooks if clean(file, write=not args.check)]
    except LabError as error:
        print(f"{error.what}\n  -> {error.remedy}", file=sys.stderr)
        return int(ExitCode.COULD_NOT_RUN)
    for file in dirty:
        print(f"{file} is not clean" if args.check else f"cleaned {file}")
    return int(ExitCode.CHECK_FAILED) if args.check and dirty else int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main())

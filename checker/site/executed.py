"""A notebook that is run: its cells in order in a kernel of this Python, with answers in place of its gaps."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KERNEL = "python3"

CELL_SECONDS = 1200
"""How long one cell may take before it counts as hanging; what a cell waits for gives up long before that."""

MARK = "# Your turn"
"""How a cell begins that the learner completes."""

_ANSWER = re.compile(r"^# %% ([a-z0-9-]+)\n", re.MULTILINE)


class CellError(Exception):
    """A cell ended with an error; the message has the cell's id and what it printed."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of the course.

    Args:
        path: its file, `NN-slug.ipynb`.
        node: what is in it, as nbformat reads it.
        answers: the text of each cell that the learner completes, completed, by the cell's id.
    """

    path: Path
    node: Any
    answers: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Such as `03-isolation`."""
        return self.path.stem

    @property
    def number(self) -> str:
        """Two digits: the lab's, or 00."""
        return self.slug[:2]

    @property
    def cells(self) -> list[Any]:
        """The cells, as they are shipped."""
        return list(self.node.cells)

    def index(self, cell: str) -> int:
        """Return the place of the cell with this id, from 0."""
        return next(place for place, each in enumerate(self.cells) if each.id == cell)

    @property
    def first_gap(self) -> int:
        """The place of the first cell that the learner completes."""
        return next(place for place, each in enumerate(self.cells) if is_gap(each))


def is_gap(cell: Any) -> bool:
    """Whether a cell is the learner's to complete."""
    return cell.cell_type == "code" and str(cell.source).startswith(MARK)


def notebooks(root: Path) -> list[Path]:
    """Return the course's notebooks, in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def read(path: Path) -> Notebook:
    """Return a notebook with its answers, which lie beside it in `solutions/NN-slug.py`.

    Raises:
        ValueError: an answer belongs to no cell, or a cell that is to be completed has no answer.
    """
    import nbformat  # noqa: PLC0415 - a package of notebooks alone

    node = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    file = path.parent / "solutions" / f"{path.stem}.py"
    parts = _ANSWER.split(file.read_text("utf-8"))[1:]
    answers = {cell: text.strip("\n") for cell, text in zip(parts[::2], parts[1::2], strict=True)}
    gaps = {cell.id for cell in node.cells if is_gap(cell)}
    if gaps != set(answers):
        raise ValueError(
            f"{path.name}: cells to complete are {sorted(gaps)}, and answers are for {sorted(answers)}"
        )
    return Notebook(path, node, answers)


class Run:
    """A kernel, and a notebook whose cells are run in it.

    Args:
        notebook: the notebook.
        client: the client of nbclient, whose kernel runs.
    """

    def __init__(self, notebook: Notebook, client: Any) -> None:
        self.notebook = notebook
        self.client = client
        self.node = client.nb

    def cells(self, first: int, last: int, *, solved: bool) -> None:
        """Run the cells from one place up to another, which is left out.

        Args:
            first: the first one's place, from 0.
            last: the place of the first that is not run.
            solved: whether the cells with gaps are run completed.

        Raises:
            CellError: a cell ended with an error.
        """
        for place in range(first, last):
            self.cell(place, solved=solved)

    def cell(self, place: int, *, solved: bool) -> None:
        """Run one cell.

        Raises:
            CellError: it ended with an error.
        """
        from nbclient.exceptions import CellExecutionError  # noqa: PLC0415 - a package of notebooks alone

        shipped = self.notebook.cells[place]
        cell = self.node.cells[place]
        if solved and is_gap(shipped):
            cell.source = self.notebook.answers[shipped.id]
        try:
            self.client.execute_cell(cell, place)
        except CellExecutionError as error:
            printed = "".join(each.get("text", "") for each in cell.outputs)
            raise CellError(f"{self.notebook.slug}, cell {shipped.id}:\n{printed}\n{error}") from error
        finally:
            cell.source = shipped.source
        # An error in a thread ends that thread alone, and is printed.
        if "Traceback (most recent call last)" in (printed := plain(cell.get("outputs", []))):
            raise CellError(f"{self.notebook.slug}, cell {shipped.id}:\n{printed}")

    def kill(self) -> None:
        """Kill the kernel, as a crash or a power cut does: nothing of it gets to tidy up."""
        process = self.client.km.provisioner.process
        process.kill()
        process.wait()

    def outputs(self, cell: str) -> list[Any]:
        """Return what the cell with this id put out."""
        found: list[Any] = self.node.cells[self.notebook.index(cell)].get("outputs", [])
        return found


@contextlib.contextmanager
def running(notebook: Notebook, folder: Path, environment: Mapping[str, str]) -> Iterator[Run]:
    """Give a kernel of this Python for a notebook; it is shut down at the end, as when the learner closes it.

    Args:
        notebook: the notebook; its own node stays as it is.
        folder: the kernel's working folder.
        environment: variables that it gets beside those of this process.
    """
    from nbclient import NotebookClient  # noqa: PLC0415 - a package of notebooks alone

    root = str(Path(__file__).resolve().parents[2])
    client = NotebookClient(
        copy.deepcopy(notebook.node),
        timeout=CELL_SECONDS,
        kernel_name=KERNEL,
        resources={"metadata": {"path": str(folder)}},
    )
    full = {
        **os.environ,
        "PYTHONPATH": root,
        # Nothing of a person's own settings, and no question of the debugger about frozen modules.
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **environment,
    }
    with client.setup_kernel(env=full):
        yield Run(notebook, client)


def verdict(outputs: list[Any]) -> str:
    """Return what a cell with a verdict says: `red`, `green`, or `nothing` if it says neither, or not everything was judged."""
    said = plain(outputs)
    if "✘" in said:
        return "red"
    return "green" if "✔" in said and not re.search(r"^  [–?] ", said, re.MULTILINE) else "nothing"


def plain(outputs: list[Any]) -> str:
    """Return what a cell put out as a person without pictures reads it."""
    return "".join(
        str(each.text) if each.output_type == "stream" else f"{each.data.get('text/plain', '')}\n"
        for each in outputs
        if each.output_type in {"stream", "display_data", "execute_result"}
    )

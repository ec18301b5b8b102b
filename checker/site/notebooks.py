"""Writes executed copies of the notebooks as pages, so that a reader without Jupyter sees the figures.

`python -m checker.site.notebooks` runs every notebook on the engine, completed, and writes its page and its figures;
with numbers, such as `03 12`, those notebooks alone. What a notebook costs is measured on the way, and written into its
first cell too.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.course import places
from checker.engine.api import connect
from checker.site.executed import CellError, Notebook, is_gap, notebooks, plain, read, running, verdict
from checker.site.notebook_cost import Cost, Watch, cost_of, write_cost
from checker.site.tables import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

GUESS = "guess_"
"""How a cell begins in which the learner predicts."""


def write(path: Path, docs: Path) -> list[Path]:
    """Run a notebook, completed, and write what it costs, its page and its figures; return the files.

    Args:
        path: the notebook.
        docs: the folder of the pages.

    Raises:
        CellError: a cell ended with an error, or the answer does not pass.
    """
    notebook = read(path)
    engine = connect()
    # In the checkout, since an engine in a virtual machine may not see the system's folder for temporary files.
    state = path.parents[1] / ".lab"
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="notebook-", dir=state, ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        (folder / "cwd").mkdir()
        environment = {"DRYDOCK_STATE": str(folder / "state"), "DRYDOCK_WORK": str(folder / "work")}
        with Watch(engine, notebook.number) as watch, running(notebook, folder / "cwd", environment) as run:
            begin = time.monotonic()
            run.cells(0, len(notebook.cells), solved=True)
            seconds = time.monotonic() - begin
            if verdict(judged := run.outputs("check")) != "green":
                raise CellError(f"{notebook.slug}: the answer does not pass:\n{plain(judged)}")
            outputs = [cell.get("outputs", []) for cell in run.node.cells]
    cost = cost_of(engine, watch, seconds)
    write_cost(path, cost)
    figures = docs / "assets" / "notebooks"
    figures.mkdir(parents=True, exist_ok=True)
    for old in figures.glob(f"{notebook.number}-*.svg"):
        old.unlink()
    page = docs / "notebooks" / f"{notebook.slug}.md"
    page.parent.mkdir(exist_ok=True)
    text, drawn = page_of(read(path), outputs, cost)
    page.write_text(text, "utf-8", newline="\n")
    for name, svg in drawn.items():
        (figures / name).write_text(svg, "utf-8", newline="\n")
    return [path, page, *(figures / name for name in drawn)]


def page_of(notebook: Notebook, outputs: list[list[Any]], cost: Cost) -> tuple[str, dict[str, str]]:
    """Return a page, and its figures by file name.

    Args:
        notebook: the notebook.
        outputs: what each cell put out, in the order of the cells.
        cost: what the run took, and where.
    """
    title, description = heading(notebook)
    figures: dict[str, str] = {}
    number = int(notebook.number)
    parts = [
        f"---\ntitle: {title}\ndescription: {description}\n---",
        f"<!-- Written by `python -m checker.site.notebooks {notebook.number}`. -->",
    ]
    note = [
        '!!! note "An executed copy"',
        "",
        f"    This is the notebook `{notebook.path.name}`, run from its first cell to its last on {cost.date}.",
        f"    The machine: {cost.system}, engine {cost.engine}, {cost.python}; it took {cost.seconds:.0f} s.",
        "    Every output, table and figure below comes from that run; your numbers will differ.",
        "",
        "    To run it on your own machine, type:",
        "",
        "    ```{.sh .host}",
        f"    lab notebook {number}",
        "    ```",
    ]
    for cell, out in zip(notebook.cells, outputs, strict=True):
        parts.append(f"<!-- cell: {cell.id} -->")
        source = str(cell.source)
        if cell.cell_type == "markdown":
            first, _, rest = source.partition("\n")
            parts.append(f"{first}\n\n" + "\n".join(note) + f"\n{rest}" if first.startswith("# ") else source)
            continue
        waits = is_gap(cell) or source.startswith(GUESS)
        parts.append(f"```{{.python {'.gaps' if waits else '.cell'}}}\n{source}\n```")
        if is_gap(cell):
            answer = _indented(f"```{{.python .cell}}\n{notebook.answers[cell.id]}\n```")
            parts.append(f'??? example "One answer"\n\n{answer}')
        parts += _shown(out, f"{notebook.number}-{cell.id}", figures)
    return "\n\n".join(parts) + "\n", figures


def heading(notebook: Notebook) -> tuple[str, str]:
    """Return the title of a notebook, and the sentence after “**The claim:**” as its description."""
    text = str(notebook.cells[0].source)
    title = text.partition("\n")[0].removeprefix("# ").strip()
    claim = re.search(r"^\*\*The claim:\*\* (.+)$", text, re.MULTILINE)
    said = claim[1] if claim else title
    return title, json.dumps(f"{said[:1].upper()}{said[1:]}", ensure_ascii=False)


def _shown(outputs: list[Any], name: str, figures: dict[str, str]) -> Iterator[str]:
    """Yield the parts of a page that show what a cell put out; add its figures."""
    printed = ""
    for each in outputs:
        if each.output_type == "stream":
            printed += str(each.text)
            continue
        if printed:
            yield _printed(printed)
            printed = ""
        data = each.get("data", {})
        said = str(data.get("text/plain", "")).strip("\n")
        html = str(data.get("text/html", ""))
        if "image/svg+xml" in data:
            file = f"{name}.svg" if f"{name}.svg" not in figures else f"{name}-{len(figures)}.svg"
            figures[file] = str(data["image/svg+xml"]).strip() + "\n"
            sentence = said.partition("\n\n")[0]
            yield f'![{_alternative(sentence)}](../assets/notebooks/{file}){{ width="700" }}'
            yield f"In words: {sentence}"
            if "<table" in html:
                yield f'??? abstract "The numbers as a table"\n\n{_indented(markdown_table(html))}'
        elif 'class="dataframe"' in html:
            yield markdown_table(html)
        elif said:
            yield _printed(said)
    if printed:
        yield _printed(printed)


def _printed(text: str) -> str:
    lines = [line.rpartition("\r")[2].rstrip() for line in text.strip("\n").split("\n")]
    return "```{.text .printed}\n" + "\n".join(lines) + "\n```"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _alternative(sentence: str) -> str:
    """Return a sentence as the alternative text of a picture in Markdown."""
    return sentence.replace("[", "\\[").replace("]", "\\]").replace("\n", " ")


def main() -> None:
    """Write the pages of this checkout."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "numbers", nargs="*", metavar="NN", help="the notebooks, such as 03; all when none is named"
    )
    numbers = [f"{int(number):02}" for number in parser.parse_args().numbers]
    found = places.find()
    for path in notebooks(found.root):
        if not numbers or path.name[:2] in numbers:
            for file in write(path, found.docs):
                print(f"wrote {file}", flush=True)


if __name__ == "__main__":
    main()

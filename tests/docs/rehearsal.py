"""A notebook on the engine: run as it is shipped, then completed; and what it left behind."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.engine.api import LABEL, NotFoundError
from checker.engine.client import find_client
from checker.scene.scene import Scene
from checker.scene.work import folder_of
from checker.site.executed import Notebook, Run, running
from checker.site.notebook_cost import OWN
from tests.docs.stage import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

KINDS = ("containers", "networks", "volumes", "images")
_PROJECT = "com.docker.compose.project"


def lab_of(notebook: Notebook) -> Lab | None:
    """Return the lab that a notebook measures; None for the one that has none."""
    return None if notebook.number == "00" else Catalogue(find(ROOT)).find(notebook.number)


def there(engine: Engine, notebook: Notebook) -> set[str]:
    """Name what is on the engine, apart from what other labs have there: their tests may run beside this one."""
    number = notebook.number
    # A volume without a name carries no lab's label; it belongs to the lab of the container that mounts it.
    mounted = {
        mount.get("Name")
        for item in engine.list_all("containers")
        if _is_of_another(item.get("Labels") or {}, number)
        for mount in item.get("Mounts") or []
    }
    return {
        f"{kind}: {item.get('Name') or item.get('Names') or item.get('RepoTags') or ''} {item.get('Id', '')}"
        for kind in KINDS
        for item in engine.list_all(kind)
        if not _is_of_another(item.get("Labels") or {}, number)
        and not (kind == "volumes" and item["Name"] in mounted)
    }


def _is_of_another(labels: Mapping[str, str], number: str) -> bool:
    project = re.match(r"drydock-(\d\d)", labels.get(_PROJECT, ""))
    owner = labels.get(LABEL) or (project[1] if project else number)
    return owner != number


@contextlib.contextmanager
def rehearsal(notebook: Notebook, folder: Path, engine: Engine) -> Iterator[Rehearsal]:
    """Give a notebook's rehearsal, with work and state in a folder of its own; remove what it leaves at the end.

    Raises:
        RuntimeError: somebody works on its lab; the notebook would take that down.
    """
    made = Rehearsal(notebook, folder, engine)
    if made.scene is not None and made.scene.services():
        raise RuntimeError(f"lab {notebook.number} is started on this engine; end it first")
    try:
        yield made
    finally:
        made.clear()


class Rehearsal:
    """One notebook, its kernels, and the engine.

    Args:
        notebook: the notebook.
        folder: where kernels work, and where state and work are kept.
        engine: the engine.
    """

    def __init__(self, notebook: Notebook, folder: Path, engine: Engine) -> None:
        self.notebook = notebook
        self.engine = engine
        self.folder = folder
        self.environment = {
            "DRYDOCK_STATE": str(folder / "state"),
            "DRYDOCK_WORK": str(folder / "work"),
        }
        (folder / "cwd").mkdir(parents=True)
        self.scene: Scene | None = None
        if (lab := lab_of(notebook)) is not None:
            places = find(ROOT)
            self.scene = Scene(lab, places, engine, find_client(engine.endpoint), folder_of(places, lab))

    @contextlib.contextmanager
    def kernel(self) -> Iterator[Run]:
        """Give a fresh kernel."""
        with running(self.notebook, self.folder / "cwd", self.environment) as run:
            yield run

    def clear(self) -> None:
        """Remove what is left of it on the engine."""
        if self.scene is not None:
            self.scene.stop(take=True)  # with a state folder of its own, it is a stranger here
        for kind, options in (("containers", {"force": True, "v": True}), ("images", {"force": True})):
            for item in self.engine.list_all(kind, labels={OWN: self.notebook.number}):
                with contextlib.suppress(NotFoundError):
                    self.engine.delete(f"/{kind}/{item['Id']}", **options)


def figures(run: Run) -> list[tuple[str, Any]]:
    """Return the figures that a run put out: the cell's id, and its data by type."""
    return [
        (cell.id, each.data)
        for cell in run.node.cells
        for each in cell.get("outputs", [])
        if "image/svg+xml" in each.get("data", {})
    ]


def emptiness(run: Run) -> list[str]:
    """Name the figures and tables of a run that show nothing."""
    found = []
    for cell, data in figures(run):
        if len(re.findall(r"<(?:path|use|rect|circle|line|polyline)\b", data["image/svg+xml"])) < 10:
            found.append(f"{cell}: nothing is drawn")
        if not data["text/plain"].strip() or re.search(r"\bnan\b", data["text/plain"], re.IGNORECASE):
            found.append(f"{cell}: its sentence or table lacks a number: {data['text/plain']}")
    for cell in run.node.cells:
        for each in cell.get("outputs", []):
            html = each.get("data", {}).get("text/html", "")
            if "<table" in html and "<td" not in html:
                found.append(f"{cell.id}: a table without a row")
    return found

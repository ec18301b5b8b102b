"""A course with notebooks of the tests' own, and a way to write one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from checker.course.places import Places

if TYPE_CHECKING:
    from pathlib import Path


def cell(kind: str, source: str, **more: Any) -> dict[str, Any]:
    """Return a cell as a run left it, unless told otherwise."""
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
    if kind == "code":
        output = {"output_type": "stream", "name": "stdout", "text": ["4 CPUs\n"]}
        made |= {"execution_count": 7, "outputs": [output]}
    return made | more


def notebook(*cells: dict[str, Any], **metadata: Any) -> str:
    """Return the JSON of a notebook as JupyterLab saves it."""
    info = {"name": "python", "version": "3.13.1"}
    spec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "my-kernel"}
    made = {
        "cells": list(cells),
        "metadata": {"kernelspec": spec, "language_info": info, **metadata},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Give a course with three notebooks, a solution beside them, and two labs of which one has no notebook."""
    root = tmp_path / "the course of Zoë"
    for name in ("labs/04-containers-vs-vms", "labs/05-limits", "notebooks/solutions"):
        (root / name).mkdir(parents=True)
    for lab in ("04-containers-vs-vms", "05-limits"):
        (root / "labs" / lab / "lab.toml").write_text(
            'title = "t"\nclaim = "c"\nsummary = "s"\npart = "containers"\nminutes = 5\n'
            '[[steps]]\ntitle = "s"\nchecks = ["a"]\n'
        )
    (root / "mkdocs.yml").touch()
    for slug, title in (
        ("00-engine-from-python", "Drive an engine from Python"),
        ("04-containers-vs-vms", "Containers and virtual machines, measured"),
        ("12-one-goal-four-ways", "Four ways"),
    ):
        text = notebook(
            cell("markdown", f"# {title}\n\nClaim.", id="claim"), cell("code", "1 + 1", id="first-sum")
        )
        (root / "notebooks" / f"{slug}.ipynb").write_text(text)
    (root / "notebooks" / "solutions" / "04-containers-vs-vms.py").write_text("answer = 42\n")
    (root / "notebooks" / "README.md").write_text("Not a notebook.\n")
    monkeypatch.delenv("DRYDOCK_STATE", raising=False)
    monkeypatch.delenv("DRYDOCK_WORK", raising=False)
    return Places(root, root)

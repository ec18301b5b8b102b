#!/usr/bin/env bash
# The tool that keeps notebooks quiet in git changes every cell's id; the other one keeps what is noisy.
#
# Versions: nbstripout 0.9.1, nbconvert 7.17.2, nbformat 5.11.1.
#
# A good guess: both `nbstripout` and `jupyter nbconvert --clear-output` take away what a run adds and
# leave what the author wrote, ids too.
#
# What was seen: nbstripout takes away the timings and the state of widgets, but renumbers the cells'
# ids to 0, 1, 2 (`--keep-id` stops that). nbconvert keeps the ids, and keeps timings and widgets too.
#
# Why it matters to a course: a course that points at cells by id loses them when a contributor
# installs nbstripout, and a cell added at the top gives every cell below another id.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nbstripout==0.9.1 nbconvert==7.17.2 nbformat==5.11.1 || exit 3

export PATH="$folder/venv/bin:$PATH"
python - <<'PYTHON'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

cells = [new_code_cell("1 + 1", id="first-step"), new_code_cell("2 + 2", id="second-step")]
cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
state = {"state": {}, "version_major": 2, "version_minor": 0}
notebook = new_notebook(cells=cells, metadata={"widgets": {"application/vnd.jupyter.widget-state+json": state}})
for name in ("stripped", "kept", "cleared"):
    nbformat.write(notebook, f"{name}.ipynb")
PYTHON
nbstripout stripped.ipynb
nbstripout --keep-id kept.ipynb
jupyter nbconvert --log-level=ERROR --clear-output --inplace cleared.ipynb

python - <<'PYTHON'
import json
import sys

seen = {}
for name in ("stripped", "kept", "cleared"):
    with open(f"{name}.ipynb") as file:
        notebook = json.load(file)
    seen[name] = (
        [cell["id"] for cell in notebook["cells"]],
        "execution" in notebook["cells"][0]["metadata"],
        "widgets" in notebook["metadata"],
    )
for name, tool in (("stripped", "nbstripout"), ("kept", "nbstripout --keep-id"), ("cleared", "nbconvert --clear-output")):
    ids, timings, widgets = seen[name]
    print(f"{tool}: ids {ids}, timings {'stay' if timings else 'gone'}, widgets {'stay' if widgets else 'gone'}")

own = ["first-step", "second-step"]
if seen["stripped"] != (["0", "1"], False, False):
    sys.exit("Changed: nbstripout now leaves something else.")
if seen["kept"] != (own, False, False):
    sys.exit("Changed: nbstripout --keep-id now leaves something else.")
if seen["cleared"] != (own, True, True):
    sys.exit("Changed: nbconvert --clear-output now leaves something else.")
PYTHON

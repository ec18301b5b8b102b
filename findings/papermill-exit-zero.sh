#!/usr/bin/env bash
# papermill calls a notebook a success that stopped half-way.
#
# Versions: papermill 2.7.0 and, to compare, nbclient 0.11.0 (`jupyter execute`), both with ipykernel
# 7.4.0.
#
# A good guess: both run every cell or fail: papermill uses nbclient to run the cells.
#
# What was seen: a cell with `sys.exit(0)` ends papermill's run with exit code 0. The cells below
# never run and stand as `pending` in the output, and the cell itself as `failed`. `jupyter execute`
# ends with 1 on the same notebook.
#
# Why it matters to a course: a notebook that is graded by the exit code passes without its last
# cells, which is where the checks are. Count the cells that are `completed` in the output.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check papermill==2.7.0 nbclient==0.11.0 ipykernel==7.4.0 nbformat==5.11.1 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

export PATH="$folder/venv/bin:$PATH" IPYTHONDIR="$folder/ipython" JUPYTER_RUNTIME_DIR="$folder/runtime"
python - <<'PYTHON'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

cells = [new_code_cell(text) for text in ("1 + 1", "import sys\nsys.exit(0)", "assert 1 + 1 == 3")]
kernel = {"name": "python3", "display_name": "Python", "language": "python"}
nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), "notebook.ipynb")
PYTHON

papermill=0
papermill --no-progress-bar notebook.ipynb output.ipynb >papermill.log 2>&1 || papermill=$?
states=$(python -c 'import json; print(*(c["metadata"]["papermill"]["status"] for c in json.load(open("output.ipynb"))["cells"]))')
execute=0
jupyter execute notebook.ipynb >execute.log 2>&1 || execute=$?
echo "papermill:       exit code $papermill, cells $states"
echo "jupyter execute: exit code $execute"

[ "$papermill" = 0 ] || changed "papermill now ends with $papermill: $(tail -n 3 papermill.log)"
[ "$states" = "completed failed pending" ] || changed "papermill now records the cells as: $states"
[ "$execute" = 1 ] || changed "jupyter execute now ends with $execute: $(tail -n 3 execute.log)"

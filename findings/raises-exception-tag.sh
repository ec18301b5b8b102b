#!/usr/bin/env bash
# The tag for a cell that must fail: one program lets it pass, the other fails it.
#
# Versions: nbclient 0.11.0 (`jupyter execute`) and papermill 2.7.0, both with ipykernel 7.4.0.
#
# A good guess: the tag `raises-exception` says that a cell must raise: a cell that raises is right, a
# cell that does not is wrong, for both.
#
# What was seen: `jupyter execute` passes a tagged cell either way. papermill runs the cells through
# nbclient, goes on after a tagged cell that raises, runs all the others, and then ends with 1 because
# of it.
#
# Why it matters to a course: a lesson that shows a mistake on purpose (a container that is refused)
# goes green when the mistake no longer happens, and cannot be run by papermill at all.
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

kernel = {"name": "python3", "display_name": "Python", "language": "python"}
for name, text in {"quiet": "1 + 1", "raising": "1 / 0"}.items():
    cells = [new_code_cell(text, metadata={"tags": ["raises-exception"]}), new_code_cell("'the end'")]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), f"{name}.ipynb")
PYTHON

code() {
  local code=0
  "$@" >run.log 2>&1 || code=$?
  echo "$code"
}
quiet=$(code jupyter execute quiet.ipynb)
raising=$(code jupyter execute raising.ipynb)
papermill=$(code papermill --no-progress-bar raising.ipynb output.ipynb)
last=$(python -c 'import json; print(json.load(open("output.ipynb"))["cells"][-1]["execution_count"])')
echo "jupyter execute, tagged cell does not raise: exit code $quiet"
echo "jupyter execute, tagged cell raises:         exit code $raising"
echo "papermill, tagged cell raises:               exit code $papermill (count of its last cell: $last)"

[ "$quiet" = 0 ] || changed "a tagged cell that does not raise is now an error of jupyter execute."
[ "$raising" = 0 ] || changed "a tagged cell that raises is now an error of jupyter execute."
[ "$papermill" = 1 ] || changed "papermill now ends with $papermill."

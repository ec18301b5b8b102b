#!/usr/bin/env bash
# A notebook whose shell commands fail is executed without an error.
#
# Versions: ipykernel 7.4.0, IPython 9.18.1, nbclient 0.11.0 (`jupyter execute`), ipython's own
# `%%bash`.
#
# A good guess: a cell `!false`, and a `%%bash` cell in which a command fails, end the run with an
# error, as a failing line of Python does.
#
# What was seen: `jupyter execute` ends with 0. `!false` is never an error: the code stands only in
# `_exit_code`, which is not there until the first `!` line. A `%%bash` cell is judged by its last
# command alone; with `set -e` as its first line it does fail.
#
# Why it matters to a course: a notebook that is run in CI to show that a lesson's commands work
# passes when none of them works.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ipykernel==7.4.0 ipython==9.18.1 nbclient==0.11.0 nbformat==5.11.1 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

export PATH="$folder/venv/bin:$PATH" IPYTHONDIR="$folder/ipython" JUPYTER_RUNTIME_DIR="$folder/runtime"
python - <<'PYTHON'
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

for name, cells in {
    "silent": ["!false", "%%bash\nfalse\necho the next command"],
    "strict": ["%%bash\nset -e\nfalse\necho the next command"],
}.items():
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), f"{name}.ipynb")
PYTHON

silent=0
jupyter execute silent.ipynb --kernel_name=python3 >silent.log 2>&1 || silent=$?
strict=0
jupyter execute strict.ipynb --kernel_name=python3 >strict.log 2>&1 || strict=$?
echo "!false, and %%bash with false before echo: exit code $silent"
echo "%%bash with set -e, then the same:         exit code $strict"

[ "$silent" = 0 ] || changed "failing shell commands now end the run with $silent: $(tail -n 3 silent.log)"
[ "$strict" != 0 ] || changed "a %%bash cell with set -e no longer fails."
grep -q CalledProcessError strict.log || changed "the strict notebook failed for another reason: $(tail -n 3 strict.log)"

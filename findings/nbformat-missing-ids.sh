#!/usr/bin/env bash
# A notebook without cell ids is read, is not valid, and is another one at each read.
#
# Versions: nbformat 5.11.1.
#
# A good guess: a notebook of format 4.5 needs an id in each cell, so one without is either refused,
# or read and mended in the same way each time.
#
# What was seen: `nbformat.read` succeeds and invents random ids, others at each read. `isvalid` says
# False of the same text. A file of format 4.4 with the same cells is valid and gets no ids.
#
# Why it matters to a course: tools that read and write back a notebook (strip outputs, sync, execute)
# change every cell of it, and anything that is kept by cell id (grades, comments, diffs) no longer
# finds its cell. Write the ids once, and check for them in CI.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nbformat==5.11.1 || exit 3

venv/bin/python -W ignore - <<'PYTHON'
import json
import sys

import nbformat
from nbformat.validator import isvalid

cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "1 + 1"}
text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
older = text.replace('"nbformat_minor": 5', '"nbformat_minor": 4')

first, second = (nbformat.reads(text, as_version=4).cells[0].get("id") for _ in range(2))
valid = isvalid(json.loads(text))
print(f"4.5 without ids: read as {first}, then as {second}; isvalid says {valid}")
print(f"4.4 without ids: isvalid says {isvalid(json.loads(older))}")

if not first or first == second:
    sys.exit("Changed: two reads of a notebook without ids now agree.")
if valid or not isvalid(json.loads(older)):
    sys.exit("Changed: isvalid has another opinion.")
PYTHON

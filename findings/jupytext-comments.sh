#!/usr/bin/env bash
# A comment in a script becomes a command in the notebook made from it.
#
# Versions: jupytext 1.19.6.
#
# A good guess: `# ` at the start of a line is a comment, and stays one when a percent script is
# converted to a notebook. Only `# %magic` and `# !command` are turned back, as they are commented out
# the other way.
#
# What was seen: any comment whose first word is also a shell command that IPython knows (cat, cd, cp,
# ls, mkdir, mv, rm) loses its `#` and is a live line: Python's shell would run it. `more` and `ps`
# stay comments. Begun with a capital letter, all stay comments.
#
# Why it matters to a course: in a course on the shell, prose like `# cd into the folder` is
# everywhere. At best the cell fails, at worst it does what the sentence says. Begin comments with a
# capital letter.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jupytext==1.19.6 || exit 3

cat >lesson.py <<'SCRIPT'
# %%
files = 2
# ls shows what is there
# cd into the folder first
# cat prints a file
# more about that below
# List what is there
SCRIPT
venv/bin/jupytext --quiet --to ipynb lesson.py

venv/bin/python - <<'PYTHON'
import json
import sys

with open("lesson.py") as file:
    before = file.read().splitlines()[1:]
with open("lesson.ipynb") as file:
    after = "".join(json.load(file)["cells"][0]["source"]).splitlines()
live = []
for old, new in zip(before, after, strict=True):
    print(f"{old!r:32} -> {new!r}")
    if old.startswith("#") and not new.startswith("#"):
        live.append(new.split()[0])
if live != ["ls", "cd", "cat"]:
    sys.exit(f"Changed: the comments that came to life begin with {live}.")
PYTHON

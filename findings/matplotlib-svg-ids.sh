#!/usr/bin/env bash
# The same picture saved twice is the same PNG and PDF, but another SVG.
#
# Versions: matplotlib 3.11.2.
#
# A good guess: without the date, which can be left out, a picture of the same numbers is the same
# file, most of all as SVG, which is text.
#
# What was seen: PNG and PDF are equal byte for byte. SVG is not: the ids of its clip paths and
# markers are random at each save. `rcParams["svg.hashsalt"]` makes them the same.
#
# Why it matters to a course: pictures of a lesson that are kept in git change at every build, so
# nobody looks at the difference any more, and a check that the pictures are up to date can only fail.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check matplotlib==3.11.2 || exit 3

MPLCONFIGDIR="$folder/config" venv/bin/python - <<'PYTHON'
import io
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def picture(form, **metadata):
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3], [20, 19, 20])
    file = io.BytesIO()
    figure.savefig(file, format=form, metadata=metadata)
    pyplot.close(figure)
    return file.getvalue()


same = {
    "png": picture("png") == picture("png"),
    "pdf": picture("pdf", CreationDate=None) == picture("pdf", CreationDate=None),
    "svg": picture("svg", Date=None) == picture("svg", Date=None),
}
matplotlib.rcParams["svg.hashsalt"] = "course"
same["svg with svg.hashsalt"] = picture("svg", Date=None) == picture("svg", Date=None)
for form, equal in same.items():
    print(f"{form}: {'the same file' if equal else 'another file'}")
if list(same.values()) != [True, True, False, True]:
    sys.exit("Changed: other formats now differ between two saves.")
PYTHON

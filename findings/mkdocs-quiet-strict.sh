#!/usr/bin/env bash
# `--quiet` turns `--strict` off.
#
# Versions: MkDocs 1.6.1.
#
# A good guess: `mkdocs build --quiet --strict` prints less and fails on the same pages: one is about
# words, the other about the exit code.
#
# What was seen: a navigation entry to a page that is missing ends `mkdocs build --strict` with 1 and
# `mkdocs build --quiet --strict` with 0, without a word. `--strict` counts the warnings that are
# logged, and `--quiet` stops them before they are counted.
#
# Why it matters to a course: CI that wants a short log publishes pages with dead links, and stays
# green.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mkdocs==1.6.1 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

mkdir docs
echo "# Home" >docs/index.md
cat >mkdocs.yml <<'YAML'
site_name: Course
nav:
  - index.md
  - Lab 1: lab-1.md
YAML

loud=0
venv/bin/mkdocs build --strict >loud.log 2>&1 || loud=$?
quiet=0
venv/bin/mkdocs build --quiet --strict >quiet.log 2>&1 || quiet=$?
echo "mkdocs build --strict:         exit code $loud"
echo "mkdocs build --quiet --strict: exit code $quiet, $(wc -c <quiet.log) bytes printed"

[ "$loud" = 1 ] || changed "mkdocs build --strict now ends with $loud."
grep -q lab-1.md loud.log || changed "mkdocs build --strict failed for another reason: $(tail -n 3 loud.log)"
[ "$quiet" = 0 ] || changed "mkdocs build --quiet --strict now ends with $quiet."

#!/usr/bin/env bash
# A strict build finds nothing wrong with a link in the navigation to a page that does not exist.
#
# Versions: Zensical 0.0.73 and, to compare, MkDocs 1.6.1, with the same file.
#
# A good guess: Zensical reads mkdocs.yml and has `build --strict`, so it fails where `mkdocs build
# --strict` fails.
#
# What was seen: MkDocs ends with 1. Zensical says that it found no issues, ends with 0, and the
# finished page links to the missing one. A missing page that is linked from a page's text does fail
# the same build.
#
# Why it matters to a course: a renamed lesson leaves a dead entry in the navigation of every page.
# Check the navigation's own links after the build.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check zensical==0.0.73 mkdocs==1.6.1 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

mkdir docs
echo "# Home" >docs/index.md
cat >mkdocs.yml <<'YAML'
site_name: Course
nav:
  - Home: index.md
  - Lab 1: lab-1.md
YAML

mkdocs=0
venv/bin/mkdocs build --strict --site-dir mkdocs-site >mkdocs.log 2>&1 || mkdocs=$?
zensical=0
venv/bin/zensical build --strict >zensical.log 2>&1 || zensical=$?
dead=$(grep -c 'lab-1' site/index.html || true)
echo "See [lab 2](lab-2.md)." >>docs/index.md
text=0
venv/bin/zensical build --strict >text.log 2>&1 || text=$?
echo "mkdocs build --strict, navigation:   exit code $mkdocs"
echo "zensical build --strict, navigation: exit code $zensical, lines of the page with the dead link: $dead"
echo "zensical build --strict, text:       exit code $text"

[ "$mkdocs" = 1 ] || changed "mkdocs build --strict now ends with $mkdocs: $(tail -n 3 mkdocs.log)"
[ "$zensical" = 0 ] || changed "zensical build --strict now ends with $zensical: $(tail -n 3 zensical.log)"
[ "$dead" -gt 0 ] || changed "the page no longer links to the missing one."
[ "$text" != 0 ] || changed "a dead link in the text no longer fails the build."

#!/usr/bin/env bash
# pytest takes a folder with a `$` in its name as a test's path, and not as `--rootdir`.
#
# Version: pytest 9.2.0.
#
# A good guess: the path that a program hands over as `--rootdir=PATH` is used as it is, as the paths of
# tests are. No shell is between the two.
#
# What was seen: pytest replaces variables in the value of `--rootdir` once more, by itself. In the folder
# `for $NAME`, the tests are found and pass; with `--rootdir` on the same folder, pytest looks for a
# folder whose name has the variable's value, and ends with exit code 4. There is no way to write the `$`
# itself. What works is a variable whose value is the folder, because values are not read again.
#
# Why it matters to a course: graders run pytest in folders that learners have named, from programs that
# quote every path correctly, and the error speaks of a folder that nobody has.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pytest==9.2.0 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

# The single quotes are meant: the name has a `$` in it.
place=$PWD/'for $NAME'
mkdir "$place"
echo 'def test_it(): pass' >"$place/test_it.py"
export NAME=learner PLACE=$place

run() {
  code=0
  venv/bin/python -m pytest -q "$@" "$place" >output 2>&1 || code=$?
  printf '%-22s exit code %s: %s\n' "${1:-no --rootdir}" "$code" "$(grep -m 1 -E 'passed|^ERROR' output)" | sed "s#$folder#FOLDER#g"
}

run
[ "$code" = 0 ] || changed "the folder is not accepted as a path either."
run "--rootdir=$place"
[ "$code" = 4 ] && grep -q 'for learner' output || changed "--rootdir is used as it is."
run '--rootdir=$PLACE'
[ "$code" = 0 ] || changed "a variable in --rootdir is not replaced, or its value is read again."

#!/usr/bin/env bash
# testinfra's `listdir()` leaves out names that begin with a dot; Python's, of the same name, lists them.
#
# Version: pytest-testinfra 10.2.2.
#
# A good guess: `host.file(folder).listdir()` is `os.listdir` on another machine, as `exists`, `is_file` and `size`
# are their namesakes; the documentation says "list of items under the directory".
#
# What was seen: a folder with `.env` and `.git` in it is an empty list. So is a folder without anything.
#
# Why it matters to a course: the check "nothing of the build is left in the image's folder", written as
# `listdir() == []`, passes on just the files that people forget: .env, .git, .npmrc, .ssh.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pytest-testinfra==10.2.2 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

mkdir -p app/.git empty
touch app/.env
cat >compare.py <<'PYTHON'
import os

import testinfra

host = testinfra.get_host("local://")
for folder in ("app", "empty"):
    print(folder, "testinfra:", sorted(host.file(folder).listdir()), "Python:", sorted(os.listdir(folder)))
PYTHON
venv/bin/python compare.py | tee seen

[ "$(head -n 1 seen)" = "app testinfra: [] Python: ['.env', '.git']" ] || changed "it lists other names."

#!/usr/bin/env bash
# A page that includes lines of a file stays green, and empty, when the file gets shorter.
#
# Versions: pymdown-extensions 13.1.2 (`pymdownx.snippets`), MkDocs 1.6.1.
#
# A good guess: with `check_paths: true` and `mkdocs build --strict` a snippet that is not there ends
# the build.
#
# What was seen: that is so for a missing file and for a missing section. Lines past the end of the
# file are an empty block of code, without a warning.
#
# Why it matters to a course: a lesson shows lines 5 to 9 of a lab's file; somebody takes four lines
# out of it; learners get an empty box. Include sections by name, not lines by number.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mkdocs==1.6.1 pymdown-extensions==13.1.2 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

mkdir docs
printf '#!/bin/sh\necho started\n' >start.sh
cat >mkdocs.yml <<'YAML'
site_name: Course
markdown_extensions:
  - pymdownx.superfences
  - pymdownx.snippets:
      base_path: [.]
      check_paths: true
YAML
build() {
  printf '# Home\n\n```sh\n--8<-- "%s"\n```\n' "$1" >docs/index.md
  local code=0
  venv/bin/mkdocs build --strict >build.log 2>&1 || code=$?
  echo "$code"
}
missing=$(build missing.sh)
section=$(build start.sh:missing)
lines=$(build start.sh:5:9)
warnings=$(grep -c WARNING build.log || true)
block=$(tr -d '\n' <site/index.html | grep -o '<code[^>]*>[^<]*</code>' | head -n 1)
echo "a missing file:     exit code $missing"
echo "a missing section:  exit code $section"
echo "lines past the end: exit code $lines, $warnings warnings, $block"

[ "$missing" != 0 ] || changed "a missing file no longer ends the build."
[ "$section" != 0 ] || changed "a missing section no longer ends the build."
[ "$lines" = 0 ] && [ "$warnings" = 0 ] || changed "lines past the end now end the build or warn: $(tail -n 3 build.log)"
[[ "$block" =~ \>[[:space:]]*\</code\>$ ]] || changed "the block is no longer empty: $block"

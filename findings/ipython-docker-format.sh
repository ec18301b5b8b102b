#!/usr/bin/env bash
# A format for `docker inspect` loses half of its braces in a notebook, but not always.
#
# Versions: IPython 9.18.1 (the shell inside a Python notebook's kernel).
#
# A good guess: `!docker inspect --format '{{.Id}}' web` in a cell hands the shell the line as
# written, as `%%bash` does.
#
# What was seen: in a `!` line `{{` and `}}` each become one brace, single quotes or not, so Docker
# would print `{.Id}`. If anything else in braces on that line cannot be worked out in Python (awk's
# `{print $1}`), the whole line goes to the shell untouched and the same format is right. `%%bash`
# never changes it.
#
# Why it matters to a course: every `--format` in a lesson breaks when it is copied into a notebook,
# without an error, and adding a pipe to awk seems to mend it. Use `%%bash`, or write four braces.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ipython==9.18.1 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

export IPYTHONDIR="$folder/ipython"
run() { venv/bin/ipython --no-banner --colors=nocolor -c "$1"; }

line=$(run "!echo '{{.Id}}'")
beside_awk=$(run "!echo '{{.Id}} web' | awk '{print \$1}'")
cell=$(run "$(printf '%%%%bash\necho "{{.Id}}"')")
four=$(run "!echo '{{{{.Id}}}}'")

echo "! line:              {{.Id}} arrives as $line"
echo "! line with awk:     {{.Id}} arrives as $beside_awk"
echo "%%bash cell:         {{.Id}} arrives as $cell"
echo "! line, four braces: {{{{.Id}}}} arrives as $four"

[ "$line" = '{.Id}' ] || changed "a ! line no longer takes one of two braces away."
[ "$beside_awk" = '{{.Id}}' ] || changed "a ! line with awk's braces no longer goes through untouched."
[ "$cell" = '{{.Id}}' ] || changed "%%bash no longer keeps the line as written."
[ "$four" = '{{.Id}}' ] || changed "four braces no longer arrive as two."

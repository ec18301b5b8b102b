#!/usr/bin/env bash
# A bracket in .dockerignore means the opposite to the SDK and to Docker's command line.
#
# Versions: docker (the SDK for Python) 7.2.0, moby/patternmatcher v0.6.0 (the Go module by which
# Docker's command line and BuildKit read the file).
#
# A good guess: `[^a].txt` leaves out b.txt and keeps a.txt, whoever reads the file.
#
# What was seen: that is so for Docker's command line. The SDK leaves out a.txt and keeps b.txt: it
# negates with `!`, as a shell does, and takes `^` as a letter. `[!a].txt` is read the other way round
# by each.
#
# Why it matters to a course: a learner's `docker build` and a checker's `client.images.build` send
# different files from the same folder, so one image holds files that the other leaves out. Use
# no brackets that negate; list the names.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker==7.2.0 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/moby/patternmatcher"
)

func main() {
	matcher, err := patternmatcher.New(os.Args[1:2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range []string{"a.txt", "b.txt"} {
		left, err := matcher.MatchesOrParentMatches(name)
		if err == nil && !left {
			fmt.Println(name)
		}
	}
}
GO
export GOFLAGS=-mod=mod
{ go mod init finding && go get github.com/moby/patternmatcher@v0.6.0; } >go.log 2>&1 || { cat go.log >&2; exit 3; }
go build -o command-line .
mkdir context
touch context/a.txt context/b.txt
sdk() { venv/bin/python -c 'import sys; from docker.utils.build import exclude_paths; print(*sorted(exclude_paths("context", sys.argv[1:])))' "$1"; }

caret="$(./command-line '[^a].txt') / $(sdk '[^a].txt')"
bang="$(./command-line '[!a].txt') / $(sdk '[!a].txt')"
echo "a.txt and b.txt, and what is sent (command line / SDK):"
echo "[^a].txt  $caret"
echo "[!a].txt  $bang"

[ "$caret" = "a.txt / b.txt" ] || changed "[^a].txt now keeps $caret."
[ "$bang" = "b.txt / a.txt" ] || changed "[!a].txt now keeps $bang."

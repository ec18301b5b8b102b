#!/usr/bin/env bash
# One capital letter turns a user name into the name of a server.
#
# Versions: distribution/reference v0.6.0 (the Go module by which Docker and containerd read image
# names), docker (the SDK for Python) 7.2.0.
#
# A good guess: `Classroom/app:1` is the image `app` of the user Classroom, or is refused, because
# names of images must be in lower case. The SDK and the engine agree on that.
#
# What was seen: the engine's module reads it as the image `app` on a registry whose host is
# `Classroom`; the SDK's own function says it is on Docker Hub, and so picks the credentials for that.
# `App:1` alone is refused, `classroom/app:1` is on Docker Hub for both.
#
# Why it matters to a course: a learner who writes a team's name with a capital gets an error about a
# host that cannot be found, not about the letter, and a checker written with the SDK finds the name
# fine.
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

	"github.com/distribution/reference"
)

func main() {
	plain, _ := reference.ParseNormalizedNamed("app")
	for _, name := range os.Args[1:] {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			fmt.Println("refused")
		} else if reference.Domain(named) == reference.Domain(plain) {
			fmt.Println("Hub")
		} else {
			fmt.Println(reference.Domain(named))
		}
	}
}
GO
export GOFLAGS=-mod=mod
{ go mod init finding && go get github.com/distribution/reference@v0.6.0; } >go.log 2>&1 || { cat go.log >&2; exit 3; }
names=(classroom/app:1 Classroom/app:1 App:1)
go run . "${names[@]}" >engine
venv/bin/python - "${names[@]}" >sdk <<'PYTHON'
import sys

from docker.auth import resolve_repository_name

plain, _ = resolve_repository_name("app")
for name in sys.argv[1:]:
    host, _ = resolve_repository_name(name)
    print("Hub" if host == plain else host)
PYTHON

printf '%s\n' "${names[@]}" | paste -d ' ' - engine sdk | while read -r name engine sdk; do
  printf '%-16s engine: %-10s SDK: %s\n' "$name" "$engine" "$sdk"
done
[ "$(paste -sd ' ' engine)" = "Hub Classroom refused" ] || changed "the engine's module reads the names otherwise."
[ "$(paste -sd ' ' sdk)" = "Hub Hub Hub" ] || changed "the SDK reads the names otherwise."

#!/usr/bin/env bash
# `64m` is read by Docker and by Kubernetes: 64 MiB to one, less than a byte to the other.
#
# Versions: docker (the SDK for Python) 7.2.0, go-units v0.5.0 (what Docker's command line reads
# `--memory` with), the Kubernetes client for Python 37.0.2 (its quantity parser).
#
# A good guess: `64m`, `64Mi` and `64MiB` all mean 64 MiB, or are refused.
#
# What was seen: `64m` is 64 MiB to Docker and 0.064 bytes to Kubernetes, as `m` means a thousandth
# there. `64Mi`, Kubernetes' own spelling, is refused by Docker. `64MiB` is read by Docker's command
# line alone. `64M` is 67,108,864 bytes to Docker and 64,000,000 to Kubernetes, without an error on
# either side.
#
# Why it matters to a course: learners carry a limit over from Compose to Kubernetes, and the units that
# both accept are those that mean something else. Only a plain number of bytes is the same everywhere.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check docker==7.2.0 kubernetes==37.0.2 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/docker/go-units"
)

func main() {
	for _, text := range os.Args[1:] {
		bytes, err := units.RAMInBytes(text)
		if err != nil {
			fmt.Println("refused")
		} else {
			fmt.Println(bytes)
		}
	}
}
GO
export GOFLAGS=-mod=mod
{ go mod init finding && go get github.com/docker/go-units@v0.5.0; } >go.log 2>&1 || { cat go.log >&2; exit 3; }
go run . 64m 64M 64Mi 64MiB >command-line.out

cat >read.py <<'PYTHON'
import sys

from docker.errors import DockerException
from docker.utils import parse_bytes
from kubernetes.utils.quantity import parse_quantity

read, error = {"sdk": (parse_bytes, DockerException), "kubernetes": (parse_quantity, ValueError)}[sys.argv[1]]
for text in sys.argv[2:]:
    try:
        print(read(text))
    except error:
        print("refused")
PYTHON
venv/bin/python read.py sdk 64m 64M 64Mi 64MiB >sdk.out
venv/bin/python read.py kubernetes 64m 64M 64Mi 64MiB >kubernetes.out

printf '%s\n' 64m 64M 64Mi 64MiB >text
printf '%-8s %-20s %-20s %s\n' text "docker command line" "docker SDK" Kubernetes
paste -d ' ' text command-line.out sdk.out kubernetes.out | while read -r a b c d; do printf '%-8s %-20s %-20s %s\n' "$a" "$b" "$c" "$d"; done

[ "$(paste -sd ' ' command-line.out)" = "67108864 67108864 refused 67108864" ] || changed "Docker's command line reads them otherwise."
[ "$(paste -sd ' ' sdk.out)" = "67108864 67108864 refused refused" ] || changed "the SDK reads them otherwise."
[ "$(paste -sd ' ' kubernetes.out)" = "0.064 64000000 67108864 refused" ] || changed "Kubernetes' parser reads them otherwise."

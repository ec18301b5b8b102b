#!/usr/bin/env bash
# PyYAML writes about one short commit in fifty so that Kubernetes reads a number.
#
# Versions: PyYAML 6.0.4, sigs.k8s.io/yaml v1.6.0 (the Go module by which kubectl reads manifests).
#
# A good guess: a library that writes YAML puts quotes around a string that looks like a number, so
# that every reader gets the string back.
#
# What was seen: PyYAML writes the string `4512e07` without quotes, because its own reader wants a dot
# in such a number. kubectl's reader follows the later rule and gets 45120000000. Digits alone are
# quoted as they should be. A short commit of seven characters looks like this when one inner
# character is `e` and the six others are digits: 5 x 1/16 x (10/16)^6, or 1 in 54.
#
# Why it matters to a course: a manifest or a ConfigMap that a course's tool writes with a version
# label fails once in a while, for one commit and not for the next.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyyaml==6.0.4 || exit 3

changed() {
  echo "Changed: $*" >&2
  exit 1
}

cat >main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		text, err = yaml.YAMLToJSON(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}
GO
export GOFLAGS=-mod=mod
{ go mod init finding && go get sigs.k8s.io/yaml@v1.6.0; } >go.log 2>&1 || { cat go.log >&2; exit 3; }
venv/bin/python -c 'import yaml; print(yaml.safe_dump({"commit": "4512e07", "digits": "4512007"}), end="")' >labels.yaml
python=$(venv/bin/python -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("labels.yaml")), separators=(",", ":")))')
kubectl=$(go run . <labels.yaml)
echo "written:         $(paste -sd ';' labels.yaml)"
echo "read by PyYAML:  $python"
echo "read as kubectl: $kubectl"

[ "$python" = '{"commit":"4512e07","digits":"4512007"}' ] || changed "PyYAML no longer reads back what it wrote."
[ "$kubectl" = '{"commit":45120000000,"digits":"4512007"}' ] || changed "kubectl's reader now gets $kubectl."

#!/usr/bin/env bash
# A JUnit report says eleven tests, two failures; it holds three tests, one of them failed.
#
# Versions: pytest 9.2.0 (with the subtests that are part of it), junitparser 5.0.3.
#
# A good guess: the numbers at the top of a JUnit report are the sums of what stands below.
#
# What was seen: three tests with eight subtests give `tests="11" failures="2"` above three testcases:
# each subtest is counted, and a failed one twice, but none has a testcase. A test with one skipped
# and one passed subtest stands as skipped.
#
# Why it matters to a course: a dashboard that reads the head shows more tests than it can list, and a
# mark worked out as passed of all is another by each reader. Recount from the testcases.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pytest==9.2.0 junitparser==5.0.3 || exit 3

cat >test_answers.py <<'TESTS'
import pytest


def test_one_of_three_is_wrong(subtests):
    for answer in range(3):
        with subtests.test(answer=answer):
            assert answer != 1


def test_one_of_two_is_skipped(subtests):
    with subtests.test("needs a cluster"):
        pytest.skip("no cluster")
    with subtests.test("needs nothing"):
        assert True


def test_all_three_are_right(subtests):
    for answer in range(3):
        with subtests.test(answer=answer):
            assert answer < 3
TESTS
venv/bin/python -m pytest --quiet -p no:cacheprovider --junitxml=report.xml test_answers.py >pytest.log || true

venv/bin/python - <<'PYTHON'
import sys

from junitparser import JUnitXml

(suite,) = JUnitXml.fromfile("report.xml")
head = (suite.tests, suite.failures)
cases = {case.name: [type(result).__name__ for result in case.result] for case in suite}
print(f"head: {head[0]} tests, {head[1]} failures")
for name, results in cases.items():
    print(f"testcase {name}: {', '.join(results) or 'passed'}")

if head != (11, 2):
    sys.exit(f"Changed: the head now says {head[0]} tests, {head[1]} failures.")
if list(cases.values()) != [["Failure", "Failure"], ["Skipped"], []]:
    sys.exit("Changed: the testcases are others.")
PYTHON

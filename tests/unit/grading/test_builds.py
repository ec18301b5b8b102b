"""What the log of the engine's builder says of a build."""

from __future__ import annotations

from checker.grading.builds import Build, Step, read_log

LOG = """\
#1 [internal] load metadata for docker.io/drydock/python:1.0
#2 [linux/amd64 internal] load metadata for docker.io/ada/base:2
#3 [1/3] FROM docker.io/drydock/python:1.0
#4 [2/3] COPY vendor vendor
#4 CACHED
#5 [stage-1 3/3] RUN pip install vendor
#5 0.412 Processing ./vendor/parcelcode
#5 0.902 x is not there
#5 ERROR: process did not complete
------
ERROR: failed to solve
""".splitlines()


def test_a_log_has_the_steps_with_what_they_printed_and_the_bases() -> None:
    steps, bases = read_log(LOG)
    assert bases == ["docker.io/drydock/python:1.0", "docker.io/ada/base:2"]
    assert steps[0] == Step("COPY vendor vendor", cached=True)
    assert steps[1].text == "RUN pip install vendor"
    assert steps[1].output[1] == "0.902 x is not there"


def test_the_last_words_are_those_of_the_step_that_failed() -> None:
    assert Build(ok=False, log=LOG).last_words == ["Processing ./vendor/parcelcode", "x is not there"]

"""Lab 01: what the learner's two copies of Parcel must do."""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING

from checker.grading.author import could_not_run, guard, needs, require, timeout

from .apart import require_fresh, require_nothing_shared, require_unedited
from .copies import FIRST, NAME_VARIABLE, SECOND, START_SECONDS, require_running
from .detached import require_detached
from .images import require_image, require_provided
from .named import environment, note_of, require_named, require_own_name
from .reached import require_answer

if TYPE_CHECKING:
    from checker.grading.author import Engine, Lab, Outside


NOTE_SECONDS = 5.0
"""How long a copy may take to write a note, on a machine with much else to do."""
CANNOT_WRITE = 507
"""What Parcel answers if it cannot write a note."""


def test_parcel_runs(lab: Lab) -> None:
    """A container named parcel runs the image drydock/parcel:1.0."""
    container = require_running(lab, FIRST)
    require_image(lab, container)


@needs("parcel-runs")
@timeout(START_SECONDS + 10)
def test_answers_on_8081(lab: Lab, outside: Outside) -> None:
    """It answers on port 8081 of this machine."""
    require_answer(lab, outside, FIRST, require_running(lab, FIRST))


@needs("answers-on-8081")
def test_named_by_environment(lab: Lab, outside: Outside) -> None:
    """It answers with the name that its environment gives it."""
    container = require_running(lab, FIRST)
    says = require_named(FIRST, container, require_answer(lab, outside, FIRST, container))
    require_own_name(lab, FIRST, says)


@needs("parcel-runs")
def test_outlives_the_terminal(lab: Lab, engine: Engine) -> None:
    """It goes on without the terminal that started it."""
    require_detached(lab, engine, FIRST, require_running(lab, FIRST))


@needs("answers-on-8081")
@timeout(START_SECONDS + 10)
def test_second_copy_on_8082(lab: Lab, engine: Engine, outside: Outside) -> None:
    """A second copy, parcel-b, answers on port 8082, without a terminal too."""
    container = require_running(lab, SECOND)
    require_answer(lab, outside, SECOND, container)
    require_detached(lab, engine, SECOND, container)


@needs("second-copy-on-8082")
def test_same_image(lab: Lab) -> None:
    """Both run one and the same image."""
    require_image(lab, require_running(lab, SECOND))


@needs("named-by-environment", "second-copy-on-8082")
def test_told_apart(lab: Lab, outside: Outside) -> None:
    """The environment alone tells the two apart."""
    names = {}
    for copy in (FIRST, SECOND):
        container = require_running(lab, copy)
        names[copy] = require_named(copy, container, require_answer(lab, outside, copy, container))
        require_unedited(lab, container, environment(copy, container))
    require(
        names[FIRST] != names[SECOND],
        f"Both copies answer with the name `{names[FIRST]}`: who gets an answer cannot tell which copy gave it.",
        expected=f"two different names on ports {FIRST.port} and {SECOND.port}",
        seen=f'"instance": "{names[FIRST]}" on both',
        source=f"{FIRST.asked}, and port {SECOND.port}",
        hint=f"Compare {NAME_VARIABLE} in the two: `docker inspect --format '{{{{.Config.Env}}}}' parcel parcel-b`.",
    )
    require_own_name(lab, SECOND, names[SECOND])


@needs("same-image")
def test_changes_stay_inside(lab: Lab, engine: Engine, outside: Outside) -> None:
    """What is changed inside one is in no other copy, nor in a new one."""
    first, second = require_running(lab, FIRST), require_running(lab, SECOND)
    require_nothing_shared(first, second)
    mark = f"left by lab check: {secrets.token_hex(6)}"
    before = outside.get(f"{FIRST.url}note")
    written = outside.put(f"{FIRST.url}note", mark, timeout=NOTE_SECONDS)
    if written.status == CANNOT_WRITE:
        # A copy whose file system cannot be written keeps everything apart.
        return
    if written.error:
        could_not_run(
            f"`{FIRST.name}` did not answer when a note was sent to it: {written.error}. Check again."
        )
    require(
        written.ok,
        f"`{FIRST.name}` answers on port {FIRST.port}, and did not take a note that was sent to it.",
        expected='HTTP 200 with "written"',
        seen=written.summary,
        source=f"curl -X PUT --data NOTE {FIRST.url}note",
        hint=f"`docker logs {FIRST.name}` shows each request, and what it was answered.",
    )
    try:
        there = outside.get(f"{SECOND.url}note")
    finally:
        if before.ok:
            outside.put(f"{FIRST.url}note", before.body)
        else:
            first.exec(f"rm -f {shlex.quote(note_of(FIRST, first))}")
    require(
        there.text != mark,
        f"A note written into `{FIRST.name}` can be read from `{SECOND.name}`: the two write to one place, so neither "
        "can be changed, moved or removed without the other.",
        expected=f"no such note in {SECOND.name}",
        seen=there.summary,
        source=f"http://localhost:{SECOND.port}/note on this machine",
        hint="Lesson, “Change something inside”: where does a container's own change live, and until when?",
    )
    require_fresh(lab, engine)


@guard
def test_image_untouched(lab: Lab) -> None:
    """The image drydock/parcel:1.0 is the one that the lab provides."""
    require_provided(lab)

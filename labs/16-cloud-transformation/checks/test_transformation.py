"""Lab 16: the office in a container, moved with everything that it knows, and nobody at the old place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import fail, needs, require, timeout, wait_until

if TYPE_CHECKING:
    from checker.grading.author import Lab, Prober

    from .box import Box
    from .move import Move
    from .place import Place
    from .statements import Statements
    from .staying import Staying

OFF_SECONDS = 30.0
"""How long a machine that was told to switch itself off may take to end its programs."""
ANSWER_SECONDS = 8.0
"""How long its office may answer after that."""

ON = {"running", "paused", "restarting"}
"""A machine that is paused goes on where it was, with all that it knew then."""

BECAME = {"program": "moved", "data": "moved", "statements": "moved", "sessions": "ends", "seal": "stays"}


@timeout(30)
def test_wrapped(place: Place) -> None:
    """The office answers in a container on the rented engine."""
    place.require_open()


@needs("wrapped")
@timeout(60)
def test_set_by_environment(place: Place) -> None:
    """A container's environment says what the office is called."""
    place.require_set_by_environment()


@needs("wrapped")
@timeout(30)
def test_logs_on_output(place: Place) -> None:
    """What the office logs is in the container's log."""
    place.require_logged()


@needs("wrapped")
@timeout(90)
def test_secret_kept(place: Place) -> None:
    """The token of the seal box is in no image, and in the history of none."""
    place.require_secret_kept()


@needs("wrapped")
@timeout(40)
def test_users_switched(move: Move) -> None:
    """The users write to the new place."""
    move.require_switched()


@needs("users-switched")
@timeout(30)
def test_no_write_lost(move: Move) -> None:
    """Every parcel that was acknowledged is in the new place, once."""
    move.require_nothing_lost()


@needs("users-switched")
@timeout(30)
def test_photos_moved(move: Move) -> None:
    """Every photo is in the new place, byte for byte."""
    move.require_photos()


@needs("users-switched")
@timeout(30)
def test_sealed(box: Box) -> None:
    """What is registered in the new place has a seal of the box."""
    box.require_sealed()


@needs("no-write-lost", "set-by-environment")
@timeout(60)
def test_outlives_container(staying: Staying) -> None:
    """The data is in a volume, where the next container finds it."""
    staying.require_outlives_container()


@needs("users-switched")
@timeout(OFF_SECONDS + ANSWER_SECONDS + 10)
def test_old_machine_off(lab: Lab, prober: Prober) -> None:
    """The old machine is switched off."""
    labels = {"com.docker.compose.project": lab.course_lab.project, "com.docker.compose.service": "old"}

    def on() -> dict[str, str]:
        found = lab.engine.list_all("containers", labels=labels)
        return {each["Names"][0].lstrip("/"): each["State"] for each in found if each["State"] in ON}

    def is_off() -> bool:
        return not on()

    def answers() -> bool:
        return prober.get("http://old:8080/healthz").ok

    if wait_until(is_off, ANSWER_SECONDS) or (not answers() and wait_until(is_off, OFF_SECONDS)):
        return
    name, state = next(iter(on().items()), ("", ""))
    require(
        state != "running" or answers(),
        "The old machine does not answer any more, and it is not switched off. It costs what it did before.",
        expected="the old machine switched off",
        seen=f"its container {name} runs, and nobody answers at old:8080",
        source=f"docker logs {name}",
        hint="`ssh old poweroff` switches it off. If ssh gets no answer either, the machine is busy, or was halted, which leaves its "
        f"power on: `docker stop {name}` takes the power away.",
    )
    fail(
        "The old machine still runs. It costs what it did before, and anyone who has its old address writes to a place that "
        "nobody looks at any more.",
        expected="the old machine switched off",
        seen="it runs",
        source="ssh old uptime",
        hint="How does one switch off a machine that one is logged in to?",
    )


def test_parts_named(lab: Lab) -> None:
    """The sheet says where each part is now."""
    sheet = lab.sheet(
        "parts.toml", rule="a word in quotes stands behind its `=`.", like='`program = "moved"`'
    )
    for part, right in BECAME.items():
        said = sheet.text("parts", part)
        require(
            said.lower() == right,
            _about(part, said),
            expected="moved, stays or ends",
            seen=sheet.shown("parts", part),
            source=sheet.source,
            hint="Can it be copied as a file? Does it go on living where it is? Or is it gone when its program ends?",
        )


def _about(part: str, said: str) -> str:
    """Return what is wrong with what the sheet says of a part."""
    if not said:
        return f"For `{part}`, the sheet says nothing yet."
    if said.lower() not in BECAME.values():
        return f"For `{part}`, the sheet says “{said}”, which is none of the three words."
    return f"For `{part}`, the sheet says “{said}”, which is not what happened to it in this move."


@needs("outlives-container")
@timeout(150)
def test_survives_restart(staying: Staying) -> None:
    """After a restart of the rented engine, everything is there again."""
    staying.require_survives_restart()


@needs("survives-restart", "old-machine-off")
@timeout(110)
def test_statements_once(statements: Statements) -> None:
    """The bookkeeper gets one statement for each ten seconds."""
    statements.require_once()

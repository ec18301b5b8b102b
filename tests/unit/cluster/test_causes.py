"""Why a release of plain containers cost something: each cause, from events as an engine records them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.cluster.causes import because
from checker.grading.history import EventLog
from checker.timeline.outages import Outage
from checker.timeline.record import Cause, Connection, Download, Failure, Gap, Request


def event(at: float, what: str, name: str, version: str, **more: str) -> dict[str, Any]:
    """Return an event of the engine."""
    words = {
        "name": name,
        "image": f"drydock/parcel:{version}",
        "io.drydock.image": "parcel",
        "org.opencontainers.image.version": version,
    }
    return {
        "Action": what,
        "timeNano": int(at * 1e9),
        "Actor": {"ID": name, "Attributes": words | more},
    }


def move(
    *,
    failed: float | None = None,
    cut: float | None = None,
    first: float = 100.0,
    way: Failure = Failure.RESET,
    paused: tuple[Gap, ...] = (),
) -> Any:
    """Return a release from 1.0 to 2.0 whose first answer came at a moment; what failed, and when and how downloads were cut off."""
    requests = (Request(failed, 1.0, 502, Failure.STATUS, "", "", Connection.FRESH),) if failed else ()
    downloads = (Download(cut - 3, 3000.0, 0, way, "", "", Connection.FRESH),) if cut else ()
    outage = Outage(failed, first, first - failed, 1, over=True) if failed else None
    return SimpleNamespace(
        before="1.0",
        after="2.0",
        begin=99.0,
        end=first,
        first=first,
        failures=requests,
        cut=downloads,
        outage=outage,
        gaps=paused,
    )


def cause(release: Any, *events: dict[str, Any]) -> str:
    """Return the cause that is told."""
    engine: Any = SimpleNamespace(events=lambda **_: sorted(events, key=lambda each: each["timeNano"]))
    return because(EventLog(engine, 0.0, "08"), release, proxy="proxy", warm_up=3.0)


STOP = event(99.0, "kill", "blue", "1.0", signal="15")
KILL = event(99.5, "kill", "blue", "1.0", signal="9")
LATER = event(105.0, "die", "blue", "1.0", exitCode="0")
PAUSED = (Gap(96.0, 99.0, Cause.PAUSED),)


@pytest.mark.parametrize(
    ("release", "events", "words"),
    [
        (
            move(failed=99.5),
            [event(99.2, "die", "proxy", "1.0", exitCode="0")],
            "The proxy itself was stopped",
        ),
        (
            move(failed=97.0),
            [event(96.9, "die", "blue", "1.0", exitCode="0")],
            "stopped first, and the new one",
        ),
        (move(failed=99.5), [event(99.0, "start", "green", "2.0")], "0.5 s after its start"),
        (move(failed=99.5), [event(90.0, "start", "green", "2.0")], ""),
        # The engine has forgotten the old version's end, and nobody was served when the new one was started.
        (move(failed=94.0), [event(96.0, "start", "green", "2.0")], "2.0 s before 2.0 was started"),
        (move(cut=100.0), [LATER], "something between them and the users dropped"),
        (
            move(cut=100.0),
            [event(80.0, "start", "blue", "1.0")],
            "something between them and the users dropped",
        ),
        # Nobody knows whether the old version still ran.
        (move(cut=100.0), [], ""),
        (move(cut=100.0), [event(80.0, "start", "blue", "1.0"), event(90.0, "die", "blue", "1.0")], ""),
        (move(cut=100.0), [event(101.0, "start", "blue", "1.0")], ""),
        (move(cut=100.0, way=Failure.TIMED_OUT), [LATER], "had not come when the users gave up, 3 s after"),
        # The users stood still, and found out afterwards.
        (move(cut=100.0, paused=PAUSED), [LATER], ""),
        (
            move(cut=100.0, paused=PAUSED),
            [
                event(96.5, "kill", "blue", "1.0", signal="9"),
                event(96.6, "die", "blue", "1.0", exitCode="137"),
            ],
            "was killed (SIGKILL)",
        ),
        (
            move(cut=100.0),
            [STOP, event(100.0, "die", "blue", "1.0", exitCode="0")],
            "ended by itself 1.0 s later",
        ),
        (
            move(cut=99.6),
            [STOP, KILL, event(99.6, "die", "blue", "1.0", exitCode="137")],
            "and killed 0.5 s later",
        ),
        # The SIGKILL may be on record only after the end that it caused, or not at all.
        (
            move(cut=99.6),
            [
                STOP,
                event(99.6, "die", "blue", "1.0", exitCode="137"),
                event(99.7, "kill", "blue", "1.0", signal="9"),
            ],
            "and killed 0.6 s later",
        ),
        (move(cut=99.6), [KILL, event(99.6, "die", "blue", "1.0", exitCode="137")], "was killed (SIGKILL)"),
        # The engine may record a SIGKILL a moment after the connections had ended.
        (
            move(cut=99.3),
            [KILL, event(99.6, "die", "blue", "1.0", exitCode="137")],
            "was killed (SIGKILL)",
        ),
        # It was asked to stop after the cut, and so is not the cause.
        (
            move(cut=98.5),
            [STOP, event(99.1, "die", "blue", "1.0", exitCode="0")],
            "something between them and the users",
        ),
        # Containers of another kind have versions too, and other labs have copies of the same one.
        (
            move(cut=99.6),
            [
                event(99.5, "die", "toolbox", "1.0", exitCode="137", **{"io.drydock.image": "toolbox"}),
                event(99.5, "die", "parcel", "1.0", exitCode="137", **{"io.drydock.lab": "03"}),
                STOP,
                KILL,
                event(99.6, "die", "blue", "1.0", exitCode="137"),
            ],
            "`blue` was asked to stop, and killed",
        ),
        # The new version's end says nothing about the old one's downloads.
        (
            move(cut=99.6),
            [event(99.6, "die", "green", "2.0", exitCode="137"), LATER],
            "something between them and the users",
        ),
    ],
)
def test_what_a_release_cost_is_said_as_what_it_is(release: Any, events: list[Any], words: str) -> None:
    found = cause(release, *events)
    assert (words in found) if words else (found == "")


def test_failures_of_the_old_version_as_it_warmed_up_do_not_hide_that_users_were_sent_too_early() -> None:
    release, earlier = move(failed=98.0), move(failed=95.0)
    release.failures = (*earlier.failures, *release.failures)
    said = cause(release, event(97.5, "start", "green", "2.0"))
    assert "0.5 s after its start: it runs, and cannot serve yet" in said

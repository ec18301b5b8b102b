"""A lab's traffic: the container that sends requests all the time, its record, and the marks left in it."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from typing import TYPE_CHECKING, Any, Protocol

from checker.engine.shell import Shell
from checker.errors import LabError
from checker.timeline.model import Moment, Timeline, make, seconds_of
from checker.timeline.record import Mark, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.engine.shell import Completed

SERVICE = "traffic"
"""The service's name in a scene; where there are several, how their names begin."""

FOLDER = "/var/lib/traffic"
"""Where the record is inside the container: `record`, and what was before it, `record.1` to `record.3`.

`first` holds the moment of the first good answer of all, which a part of the record does not tell."""

BYTES_A_SECOND = 2500
"""More than the record grows by in a second: 25 requests of at most some 90 bytes."""

SPARE_SECONDS = 10
"""How much more is read than is asked for: a request is written when it ends, and some lines are longer."""

WHOLE = 1 << 30
"""More bytes than a record can have."""

SILENT_SECONDS = 10.0
"""How long the record may stand still until the sender counts as dead: requests are given up after two."""

ENDED_SECONDS = 2.25
"""How long after a moment every request that was sent before it stands in the record.

A request is written when it ends, and given up after two seconds; the sender may be a quarter of one late.
"""

SETTLE_SECONDS = 5.0
"""How long to wait for the end of a rollout: longer than a version must be silent to be gone."""


def find_all(engine: Engine, project: str) -> dict[str, dict[str, Any]]:
    """Return the engine's entries of the traffics' containers in a Compose project, by name.

    Most labs have one, whose name is empty. One with several services to compare has a `traffic-NAME` for each.
    """
    found = {}
    for item in engine.list_all("containers", labels={"com.docker.compose.project": project}):
        head, _, name = item["Labels"].get("com.docker.compose.service", "").partition("-")
        if head == SERVICE:
            found[name] = item
    return dict(sorted(found.items()))


def mark_all(engine: Engine, project: str, text: str) -> None:
    """Leave a mark in each timeline of a Compose project; one whose sender does not run is left out."""
    for item in find_all(engine, project).values():
        with contextlib.suppress(LabError):
            shell = Shell(engine, item["Id"])
            try:
                Traffic(shell).mark(text)
            finally:
                shell.close()


class Runs(Protocol):
    """Something that runs a command in the traffic's container: its persistent shell."""

    def run(self, command: str | bytes, seconds: float = ...) -> Completed:
        """Run it."""


class Traffic:
    """The record of a lab's traffic as it grows, as the `timeline` fixture gives it.

    Args:
        shell: a shell in the traffic's container.
    """

    def __init__(self, shell: Runs) -> None:
        self._shell = shell

    def mark(self, text: str) -> Mark:
        """Leave a mark in the record, now, and return it with its moment."""
        # A mark is one line; the record belongs to the sender, whose clock it is.
        word = json.dumps(" ".join(text.split()))
        said = self._run(
            'now=$(date +%s.%3N) && printf \'["m",%s,%s]\\n\' "$now" '
            f"{shlex.quote(word)} >> {FOLDER}/record && echo $now"
        )
        return Mark(float(said), json.loads(word))

    def now(self) -> float:
        """Return the moment by the sender's clock."""
        return float(self._run("date +%s.%N"))

    def since(self, moment: Moment) -> Timeline:
        """Read what was recorded since a moment, up to now."""
        begin = seconds_of(moment)
        times = 1
        while True:
            found, whole = self._read(
                f"$(( ($(date +%s) - {int(begin)} + {SPARE_SECONDS}) * {BYTES_A_SECOND * times} ))"
            )
            if whole or found.begin < begin:
                return found.since(begin)
            times *= 4

    def between(self, begin: Moment, end: Moment, seconds: float = SETTLE_SECONDS) -> Timeline:
        """Read what was sent between two moments, once all of it has ended, or after some seconds.

        Somebody who asks at once misses the requests that are still waiting for their answers: those, mostly, that
        are going to fail.
        """
        give_up = time.monotonic() + seconds
        ended = seconds_of(end) + ENDED_SECONDS
        while not _has_passed(found := self.since(begin), ended) and time.monotonic() < give_up:
            time.sleep(0.1)
        return found.between(begin, end)

    def settled(self, moment: Moment, seconds: float = SETTLE_SECONDS) -> Timeline:
        """Read what was recorded since a moment, once every rollout in it has ended, or after some seconds.

        A version counts as gone only when it was silent for a while, so that somebody who asks right after a
        rollout would be told that it is not finished.
        """
        return _settled(lambda: self.since(moment), seconds)

    def last(self, seconds: float) -> Timeline:
        """Read what was recorded in the last seconds."""
        return self.since(self.now() - seconds)

    def everything(self, seconds: float = SETTLE_SECONDS) -> Timeline:
        """Read the whole record, of the last two and a half hours; a rollout that is ending is waited for as in `settled`."""
        return _settled(lambda: self._read(str(WHOLE))[0], seconds)

    def _read(self, size: str) -> tuple[Timeline, bool]:
        """Read the last bytes, and return whether these are all there are.

        Args:
            size: how many bytes, as the shell computes it.
        """
        said = self._run_bytes(
            f"cd {FOLDER} && date +%s.%N && stat -c %Y record && size={size} && total=0 && "
            "for part in $(stat -c %s record record.? 2>/dev/null); do total=$((total + part)); done; "
            "echo $((size >= total)) && { cat first 2>/dev/null || echo; } && "
            # From the end of one file nothing before it is read.
            'if [ "$(stat -c %s record)" -ge "$size" ]; then tail -c "$size" record; '
            'else cat $(ls -r record.? 2>/dev/null) record | tail -c "$size"; fi'
        )
        now, changed, whole, first, data = said.split(b"\n", 4)
        end = float(now)
        if end - float(changed) > SILENT_SECONDS:
            raise LabError(
                f"The lab's traffic recorded nothing for {end - float(changed):.0f} s.",
                remedy="See what its container says: docker logs; `lab start` mends the scene.",
            )
        met = float(first) if first.strip() else None
        return make(read_lines(data), now=end, first_good=met), whole == b"1"

    def _run(self, command: str) -> str:
        return self._run_bytes(command).decode(errors="replace")

    def _run_bytes(self, command: str) -> bytes:
        done = self._shell.run(command, 10.0)
        if done.rc:
            raise LabError(
                "The record of the lab's traffic cannot be read.",
                remedy="`lab start` mends the scene.",
                detail=done.stderr.strip(),
            )
        return done.stdout_bytes


def _has_passed(found: Timeline, moment: float) -> bool:
    """Whether something stands in the record that was written after a moment, and so all that was to be before it."""
    return any(request.end >= moment for request in found.requests) or any(
        gap.end >= moment for gap in found.gaps
    )


def _settled(read: Callable[[], Timeline], seconds: float) -> Timeline:
    give_up = time.monotonic() + seconds
    while True:
        found = read()
        # One that nobody answers any more, neither the old version nor the new, will not be decided by waiting.
        open_moves = [
            move for move in found.rollouts() if move.under_way and found.end - move.end < SETTLE_SECONDS
        ]
        if not open_moves or time.monotonic() >= give_up:
            return found
        time.sleep(0.2)

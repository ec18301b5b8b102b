"""A lab's traffic: the container that sends requests all the time, its record, and the marks in it."""

from __future__ import annotations

import contextlib
import itertools
import json
import shlex
import time
from typing import TYPE_CHECKING, Any, Protocol

from checker.engine.api import COMPOSE_PROJECT, COMPOSE_SERVICE
from checker.engine.shell import Shell
from checker.errors import LabError
from checker.timeline.model import Moment, Timeline, make, seconds_of
from checker.timeline.record import Mark, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.engine.api import Engine
    from checker.engine.shell import Completed
    from checker.timeline.versions import Rollout

SERVICE = "traffic"
"""The name of the service in a scene; if there are several, their names begin with it."""

FOLDER = "/var/lib/traffic"
"""Where the record is inside the container: `record`, and the older parts `record.1` to `record.3`.

`first` has the time of the very first good answer, which a later part of the record does not contain."""

BYTES_A_SECOND = 2500
"""More than the record grows in a second: 25 requests of at most about 90 bytes."""

SPARE_SECONDS = 10
"""How many seconds more are read than requested: a request is written when it ends, and some lines are longer."""

WHOLE = 1 << 30
"""More bytes than a record can have."""

SILENT_SECONDS = 10.0
"""How long the record may stay unchanged before the sender counts as dead: requests time out after two seconds."""

ENDED_SECONDS = 2.25
"""How long after a moment all requests that were sent before it are in the record.

A request is written when it ends, it times out after two seconds, and the sender may be 0.25 s late.
"""

DOWNLOAD_SECONDS = 31.0
"""How long after its begin a download is in the record, however it ended: the sender gives it 30 s."""

DOWNLOADS_APART_SECONDS = 1.75
"""Between two downloads, which are begun a second apart; if there is more, one in between has not ended."""

SETTLE_SECONDS = 5.0
"""How long to wait for the end of a rollout: longer than the silence after which a version counts as gone."""


def find_all(engine: Engine, project: str) -> dict[str, dict[str, Any]]:
    """Return the engine's entries of the traffic containers in a Compose project, by name.

    Most labs have one, and its name is empty. A lab that compares several services has a `traffic-NAME` for each.
    """
    found = {}
    for item in engine.list_all("containers", labels={COMPOSE_PROJECT: project}):
        head, _, name = item["Labels"].get(COMPOSE_SERVICE, "").partition("-")
        if head == SERVICE:
            found[name] = item
    return dict(sorted(found.items()))


def mark_all(engine: Engine, project: str, text: str) -> None:
    """Leave a mark in each timeline of a Compose project, except those whose sender is not running."""
    for item in find_all(engine, project).values():
        with contextlib.suppress(LabError), Shell(engine, item["Id"]) as shell:
            Traffic(shell).mark(text)


class Runs(Protocol):
    """Something that runs commands in the traffic container: its persistent shell."""

    def run(self, command: str | bytes, seconds: float = ...) -> Completed:
        """Run it."""


class Traffic:
    """The record of a lab's traffic while it grows, as the `timeline` fixture gives it.

    Args:
        shell: a shell in the traffic container.
    """

    def __init__(self, shell: Runs) -> None:
        self._shell = shell

    def mark(self, text: str) -> Mark:
        """Leave a mark in the record now, and return it with its time."""
        # A mark is one line; its time comes from the clock of the sender, which owns the record.
        word = json.dumps(" ".join(text.split()))
        said = self._run(
            'now=$(date +%s.%3N) && printf \'["m",%s,%s]\\n\' "$now" '
            f"{shlex.quote(word)} >> {FOLDER}/record && echo $now"
        )
        return Mark(float(said), json.loads(word))

    def now(self) -> float:
        """Return the time by the sender's clock."""
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
        """Read the requests sent between two moments, once all of them have ended, or after `seconds`.

        A caller that does not wait misses the requests that still wait for an answer, and most of these are going
        to fail.
        """
        give_up = time.monotonic() + seconds
        ended = seconds_of(end) + ENDED_SECONDS
        while not _has_passed(found := self.since(begin), ended) and time.monotonic() < give_up:
            time.sleep(0.1)
        return found.between(begin, end)

    def await_settled(self, moment: Moment, seconds: float = SETTLE_SECONDS) -> Timeline:
        """Read what was recorded since a moment, once every rollout in it has ended, or after `seconds`.

        A version counts as gone only after it has not answered for a while. So without waiting, a rollout that has
        just ended would still look unfinished. A download is recorded when it ends: one that neither arrives nor breaks
        ends when the sender gives up.
        """
        found = _settled(lambda: self.since(moment), seconds)
        give_up = time.monotonic() + DOWNLOAD_SECONDS
        while any(_may_lack(found, each) for each in found.rollouts()) and time.monotonic() < give_up:
            time.sleep(0.2)
            found = self.since(moment)
        return found

    def last(self, seconds: float) -> Timeline:
        """Read what was recorded in the last seconds."""
        return self.since(self.now() - seconds)

    def everything(self, seconds: float = SETTLE_SECONDS) -> Timeline:
        """Read the whole record, the last two and a half hours; wait for the end of a rollout as in `settled`."""
        return _settled(lambda: self._read(str(WHOLE))[0], seconds)

    def _read(self, size: str) -> tuple[Timeline, bool]:
        """Read the last bytes, and return whether that was the whole record.

        Args:
            size: how many bytes, as the shell computes it.
        """
        said = self._run_bytes(
            f"cd {FOLDER} && date +%s.%N && stat -c %Y record && size={size} && total=0 && "
            "for part in $(stat -c %s record record.? 2>/dev/null); do total=$((total + part)); done; "
            "echo $((size >= total)) && { cat first 2>/dev/null || echo; } && "
            # If the last file is long enough, the older ones are not read.
            'if [ "$(stat -c %s record)" -ge "$size" ]; then tail -c "$size" record; '
            'else cat $(ls -r record.? 2>/dev/null) record | tail -c "$size"; fi'
        )
        now, changed, whole, first, data = said.split(b"\n", 4)
        end = float(now)
        if end - float(changed) > SILENT_SECONDS:
            raise LabError(
                f"The lab's traffic recorded nothing for {end - float(changed):.0f} s.",
                remedy="See the logs of its container with docker logs, or repair the lab with `lab start`.",
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
                remedy="Repair the lab with `lab start`.",
                detail=done.stderr.strip(),
            )
        return done.stdout_bytes


def _has_passed(found: Timeline, moment: float) -> bool:
    """Whether the record has an entry from after a moment, and so every entry from before it."""
    return any(request.end >= moment for request in found.requests) or any(
        gap.end >= moment for gap in found.gaps
    )


def _may_lack(found: Timeline, move: Rollout) -> bool:
    """Whether a download that was begun before the end of a rollout may still be under way, and so not be in the record."""
    latest = found.end - DOWNLOAD_SECONDS
    begun = [each.at for each in found.downloads if latest <= each.at <= move.end]
    return any(
        later - earlier > DOWNLOADS_APART_SECONDS
        and not any(gap.begin < later and gap.end > earlier for gap in found.gaps)
        for earlier, later in itertools.pairwise([*begun, move.end] if begun else [])
    )


def _settled(read: Callable[[], Timeline], seconds: float) -> Timeline:
    give_up = time.monotonic() + seconds
    while True:
        found = read()
        # If neither the old version nor the new one answers any more, waiting does not help.
        open_moves = [
            move for move in found.rollouts() if move.under_way and found.end - move.end < SETTLE_SECONDS
        ]
        if not open_moves or time.monotonic() >= give_up:
            return found
        time.sleep(0.2)

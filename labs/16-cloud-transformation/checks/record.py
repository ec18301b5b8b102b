"""The record of lab 16: every write of the users that ended, and every statement that the bookkeeper got."""

from __future__ import annotations

import gzip
import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .place import HOST, PORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checker.grading.author import Container

OLD = "old:8080"
"""Where the users begin."""
NEW = f"{HOST}:{PORT}"
PERIOD = 10
FILE = "/var/lib/users/record.jsonl"
SHOWN = f"docker exec drydock-16-users-1 cat {FILE}"
"""The command that shows the record to the learner."""

AHEAD_PERIODS = 6
"""How far ahead the clock of the old machine may be; a later statement is one that somebody made up."""


class Record:
    """The record, as it was when it was read.

    Args:
        lines: its lines, oldest first; images/legacy/around/users.py says what is in them.
    """

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        found = list(lines)
        self.writes = list(_told_apart(found))
        """Each has `by` as well, which is `to`, or the old machine where it was behind that address."""
        self.stills = [(each["begin"], each["end"]) for each in found if each["kind"] == "still"]
        """From when to when the users could try nothing: they were paused, or the machine slept."""
        self.statements = [
            each
            for each in found
            if each["kind"] == "statement" and each["period"] <= each["at"] // PERIOD + AHEAD_PERIODS
        ]

    def acknowledged(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the writes that were acknowledged: of one kind, `parcel` or `photo`, or all."""
        return [each for each in self.writes if each["acknowledged"] and kind in {"", each["kind"]}]

    @cached_property
    def switch(self) -> list[dict[str, Any]]:
        """The writes of the switch, or nothing before it.

        The first is the last one that another place acknowledged, the last one the first that the new place acknowledged
        after it. In between are those that were given up. There may have been earlier switches, there and back.

        Behind a front at the new address that leads to the old machine first, the switch is where the new place takes over.
        """
        # A program that keeps its sessions lets nobody log in again.
        return self._switch("by") or self._switch("to")

    def _switch(self, place: str) -> list[dict[str, Any]]:
        taken = [(n, each[place] == NEW) for n, each in enumerate(self.writes) if each["acknowledged"]]
        begin = max((n for n, is_new in taken if not is_new), default=0)
        end = next((n for n, is_new in taken if n >= begin and is_new), -1)
        return self.writes[begin : end + 1]

    @property
    def moved_at(self) -> float:
        """When the new place first acknowledged a write after the switch; 0 before it."""
        return float(self.switch[-1]["end"]) if self.switch else 0.0


def _told_apart(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the writes, each with the program that took it: one knows only the sessions that it began itself."""
    login = ""
    for each in lines:
        if each["kind"] == "login":
            login = each["to"]
        elif each["kind"] in {"parcel", "photo"}:
            yield {**each, "by": OLD if login == OLD else each["to"]}


def read(users: Container) -> Record:
    """Read the record from the users' container."""
    return Record(read_lines(users, FILE))


def read_lines(container: Container, file: str) -> list[dict[str, Any]]:
    """Read a file of JSON lines from a container that writes it."""
    # After a night it has many megabytes.
    said = gzip.decompress(container.exec(f"gzip -1 -c {file}").stdout_bytes).decode()
    # The last line may be half written.
    return [json.loads(line) for line in said.splitlines() if line.endswith("}")]


def clock(moment: float) -> str:
    """Return a moment as on a clock, as the logs of containers have it."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))

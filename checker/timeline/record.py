"""The lines of the record: what a request came to, marks, gaps, clock steps; and how they are read.

One line is one JSON array that begins with a letter. docs/reference/timeline.md describes them for others.
"""

from __future__ import annotations

import enum

import msgspec

FORMAT = 1
"""Version of the lines; the sender writes it into its begin line."""


class Failure(enum.StrEnum):
    """Why a request got no good answer."""

    REFUSED = "refused"
    """Nothing listens at the address."""
    RESET = "reset"
    """The connection was accepted, then broken off."""
    TIMED_OUT = "timed-out"
    """No whole answer in time, be it for want of a connection or of an answer."""
    NO_NAME = "no-name"
    """The service's name could not be turned into an address."""
    UNREACHABLE = "unreachable"
    """No way leads to the address: the host is gone."""
    EMPTY = "empty"
    """The connection was closed in good order, but without one byte of an answer."""
    BAD_ANSWER = "bad-answer"
    """What came is not HTTP, or only part of an answer."""
    STATUS = "status"
    """A whole answer, with a status of 400 and above."""

    @property
    def words(self) -> str:
        """How a learner reads it."""
        return _WORDS[self]


_WORDS = {
    Failure.REFUSED: "connection refused",
    Failure.RESET: "connection reset",
    Failure.TIMED_OUT: "no answer in time",
    Failure.NO_NAME: "name not found",
    Failure.UNREACHABLE: "host unreachable",
    Failure.EMPTY: "closed without an answer",
    Failure.BAD_ANSWER: "broken answer",
    Failure.STATUS: "error status",
}


class Connection(enum.StrEnum):
    """How a request travelled."""

    FRESH = "fresh"
    """On a connection of its own."""
    KEPT = "kept"
    """On the one connection that is kept alive."""


class Cause(enum.StrEnum):
    """Why nothing was sent for a while."""

    PAUSED = "paused"
    """The sender was not run: its machine slept, or was too busy; or somebody paused the container."""
    STOPPED = "stopped"
    """The sender was not there: its container was stopped, killed or replaced."""
    CLOCK = "clock"
    """The machine's clock was set forward; the time left out never was."""
    UNABLE = "unable"
    """The sender could send nothing for want of something of its own: a network, a socket."""


class Request(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """One request, from its sending to its end.

    `at` is when it was sent, `ms` how long it took until its whole answer was there or it failed; `status` is
    0 without an answer. `version` and `instance` are what the answer said, empty when it did not.
    """

    at: float
    ms: float
    status: int
    failure: Failure | None
    version: str
    instance: str
    connection: Connection
    resent: bool = False
    """Whether the kept connection was found cut under the request, which was then sent again on a new one."""

    @property
    def good(self) -> bool:
        """Whether a whole answer with a status below 400 came in time."""
        return self.failure is None

    @property
    def end(self) -> float:
        """When it ended."""
        return self.at + self.ms / 1000

    @property
    def outcome(self) -> str:
        """What it came to, in a few words."""
        if self.failure is None or self.failure is Failure.STATUS:
            return f"HTTP {self.status}"
        return self.failure.words


class Mark(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """Something that happened, noted by a check or by `lab`."""

    at: float
    text: str


class Gap(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """A time for which the record tells nothing of the service."""

    begin: float
    end: float
    cause: Cause

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.begin


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The sender began, with this address."""

    at: float
    to: str
    format: int


class Step(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The machine's clock was set back: what was written before this line carries a time that is too late.

    `by` is negative, in seconds.
    """

    at: float
    by: float


Line = Request | Mark | Gap | Begin | Step

_DECODER = msgspec.json.Decoder(Line)


def read_lines(data: bytes) -> list[Line]:
    """Return the lines of a record in the order in which they were written, on one clock.

    A line that is none is left out: one that its writer was killed in, or whose beginning was not read. What
    was written before the clock was set back is moved back by as much, so that the order of things holds.
    """
    try:
        lines: list[Line] = _DECODER.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        lines = []
        for text in data.splitlines():
            try:
                lines.append(_DECODER.decode(text))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
    if any(isinstance(line, Step) for line in lines):
        lines = _on_one_clock(lines)
    return lines


def _on_one_clock(lines: list[Line]) -> list[Line]:
    moved: list[Line] = []
    by = 0.0
    for line in reversed(lines):
        if isinstance(line, Step):
            by += line.by
        elif not by:
            moved.append(line)
        elif isinstance(line, Gap):
            moved.append(msgspec.structs.replace(line, begin=line.begin + by, end=line.end + by))
        else:
            moved.append(msgspec.structs.replace(line, at=line.at + by))
    return moved[::-1]

"""The lines of the record (results of requests, marks, gaps, clock steps) and how to read them.

Each line is a JSON array that begins with a letter. docs/reference/timeline.md describes the lines.
"""

from __future__ import annotations

import enum

import msgspec

FORMAT = 1
"""Version of the line format; the sender writes it into its begin line."""


class Failure(enum.StrEnum):
    """Why a request got no good answer."""

    REFUSED = "refused"
    """Nothing listens at the address."""
    RESET = "reset"
    """The connection was accepted, then reset."""
    TIMED_OUT = "timed-out"
    """No complete answer in time, either because there was no connection or because there was no answer."""
    NO_NAME = "no-name"
    """The service's name could not be resolved to an address."""
    UNREACHABLE = "unreachable"
    """There is no route to the address: the host is gone."""
    EMPTY = "empty"
    """The connection was closed normally, but before the first byte of an answer."""
    BAD_ANSWER = "bad-answer"
    """The answer is not HTTP, or is incomplete."""
    STATUS = "status"
    """A complete answer with a status of 400 or more."""

    @property
    def words(self) -> str:
        """The words that a learner reads."""
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
    """On a new connection."""
    KEPT = "kept"
    """On the one connection that is kept alive."""


class Cause(enum.StrEnum):
    """Why nothing was sent for a while."""

    PAUSED = "paused"
    """The sender did not run: its machine slept or was too busy, or the container was paused."""
    STOPPED = "stopped"
    """There was no sender: its container was stopped, killed or replaced."""
    CLOCK = "clock"
    """The machine's clock was set forward; the skipped time never happened."""
    UNABLE = "unable"
    """The sender could not send, because it lacked a network, a socket or room to write."""


class Request(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """One request, from when it was sent until it ended.

    `at` is when it was sent, `ms` is how long it took until the answer was complete or the request failed. `status`
    is 0 without an answer. `version` and `instance` come from the answer and are empty if it has none.
    """

    at: float
    ms: float
    status: int
    failure: Failure | None
    version: str
    instance: str
    connection: Connection
    resent: bool = False
    """Whether the kept connection was cut during the request, which was then sent again on a new one."""

    @property
    def good(self) -> bool:
        """Whether a complete answer with a status below 400 came in time."""
        return self.failure is None

    @property
    def end(self) -> float:
        """When it ended."""
        return self.at + self.ms / 1000

    @property
    def outcome(self) -> str:
        """Its result, in a few words."""
        if self.failure is None or self.failure is Failure.STATUS:
            return f"HTTP {self.status}"
        return self.failure.words


class Download(Request, frozen=True, array_like=True, tag="d"):
    """A request whose answer takes seconds, in a lab whose traffic has such; it is kept apart from the others."""

    @property
    def cut_off(self) -> bool:
        """Whether it was under way, and did not arrive whole."""
        return not self.good and not self.refused

    @property
    def refused(self) -> bool:
        """Whether it never began: there was no connection, or an error in place of its answer."""
        return self.failure in {Failure.REFUSED, Failure.NO_NAME, Failure.UNREACHABLE, Failure.STATUS}


class Mark(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """Something that happened, recorded by a check or by `lab`."""

    at: float
    text: str


class Gap(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """A time for which the record says nothing about the service."""

    begin: float
    end: float
    cause: Cause

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.begin


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The sender started, with this address."""

    at: float
    to: str
    format: int


class Step(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """The machine's clock was set back: the times in the lines before this one are too late.

    `by` is negative, in seconds.
    """

    at: float
    by: float


Line = Request | Download | Mark | Gap | Begin | Step

_DECODER = msgspec.json.Decoder(Line)


def read_lines(data: bytes) -> list[Line]:
    """Return the lines of a record in the order in which they were written, on one clock.

    An incomplete line is left out: the sender was killed while it wrote the line, or the line's beginning was not
    read. If the clock was set back, the times before that are moved back by as much, so the order stays right.
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

"""The summary of a timeline, as `lab timeline --json` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker.timeline.model import Band, Outage  # noqa: TC001 - msgspec reads the fields' types

if TYPE_CHECKING:
    from checker.timeline.model import Timeline
    from checker.timeline.record import Gap, Mark, Request


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A change from one version to another."""

    before: str
    after: str
    begin: float
    end: float
    completed: bool
    withdrawn: bool
    failed: int
    """How many requests failed, from a little before it to a little after."""
    cut: int
    """How many downloads that were under way in it were cut off."""
    refused: int
    """How many downloads were tried in it and never began."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A mark."""

    at: float
    text: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A gap in the record."""

    begin: float
    end: float
    cause: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A request that failed."""

    at: float
    ms: float
    kind: str
    status: int
    connection: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the record. Times are seconds since 1970, by the sender's clock."""

    to: str
    """Where the requests were sent."""
    begin: float
    end: float
    first_good: float | None
    """The first good answer of the whole record; requests that failed before it met no service yet."""
    requests: int
    failures: tuple[Failed, ...]
    kinds: dict[str, int]
    """How many failed in each way."""
    resent: int
    """How often the kept connection was cut during a request, which was then sent again."""
    instances: dict[str, int]
    """How many good answers each instance gave."""
    bands: tuple[Band, ...]
    """When each version answered."""
    rollouts: tuple[Move, ...]
    outages: tuple[Outage, ...]
    """Every time without a good answer."""
    marks: tuple[Happening, ...]
    gaps: tuple[Unknown, ...]
    """When the sender sent nothing, and why."""
    latency_ms: dict[str, float]
    """Within how many milliseconds 50, 90 and 99 % of the good answers came."""
    downloads: int
    """How many downloads were under way; 0 in labs whose traffic has none."""
    cut: tuple[Failed, ...]
    """The downloads that were under way, and did not arrive whole."""
    refused: tuple[Failed, ...]
    """The downloads that never began: no connection, or an error in place of the answer."""


def summarize(timeline: Timeline) -> Summary:
    """Return the summary of a timeline."""
    return Summary(
        to=timeline.to,
        begin=timeline.begin,
        end=timeline.end,
        first_good=timeline.first_good,
        requests=len(timeline.requests),
        failures=tuple(_failed(request) for request in timeline.failures),
        kinds={kind.value: number for kind, number in timeline.kinds.items()},
        resent=len(timeline.resent),
        instances=timeline.instances,
        bands=timeline.bands,
        rollouts=tuple(
            Move(
                before=move.before,
                after=move.after,
                begin=move.begin,
                end=move.end,
                completed=move.completed,
                withdrawn=move.withdrawn,
                failed=len(move.failures),
                cut=len(move.cut),
                refused=len(move.refused),
            )
            for move in timeline.rollouts()
        ),
        outages=timeline.outages(),
        marks=tuple(_happening(mark) for mark in timeline.marks),
        gaps=tuple(_unknown(gap) for gap in timeline.gaps),
        latency_ms={str(percent): timeline.latency(percent) for percent in (50, 90, 99)},
        downloads=len(timeline.downloads),
        cut=tuple(_failed(download) for download in timeline.cut),
        refused=tuple(_failed(download) for download in timeline.refused),
    )


def _failed(request: Request) -> Failed:
    return Failed(
        at=request.at,
        ms=request.ms,
        kind=str(request.failure),
        status=request.status,
        connection=request.connection,
    )


def _happening(mark: Mark) -> Happening:
    return Happening(at=mark.at, text=mark.text)


def _unknown(gap: Gap) -> Unknown:
    return Unknown(begin=gap.begin, end=gap.end, cause=gap.cause)

"""What users had before a host died, as their record tells, and what is still known when it has forgotten that."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.cluster.losses import Before, served_before
from checker.cluster.manual import ByHand
from checker.timeline.model import make
from checker.timeline.record import Connection, Failure, Request

if TYPE_CHECKING:
    from checker.timeline.model import Timeline

AT = 100.0
"""When the host died."""

NAMES = ["a", "b", "c", "d", "e"]


def record(before: list[str], after: list[str], *, failed: bool = False, until: float = 120.0) -> Timeline:
    """Return a record of ten requests a second, answered by these copies in turn until the loss, and by those after it."""
    requests = []
    for number in range(int((until - 80) * 10)):
        at = 80 + number / 10
        names = before if at < AT else after
        failure = Failure.STATUS if failed and AT + 0.4 < at < AT + 0.6 else None
        name = "" if failure else names[number % len(names)]
        requests.append(Request(at, 2.0, 503 if failure else 200, failure, "1.0", name, Connection.FRESH))
    return make(requests, now=until)


def told(timeline: Timeline) -> Before | None:
    users: Any = SimpleNamespace(since=timeline.since)
    return served_before(users, AT, 5)


@pytest.mark.parametrize(
    ("seen", "before"),
    [
        (record(NAMES, NAMES[:4]), Before(5, 5, carried=True, is_over=True)),
        (record(NAMES, NAMES), Before(5, 5, carried=False, is_over=True)),
        (record(NAMES, NAMES, failed=True), Before(5, 5, carried=True, is_over=True)),
        (record(NAMES, NAMES, until=101.0), Before(5, 5, carried=False, is_over=False)),
        (record(["a"], ["a"]), Before(1, 1, carried=True, is_over=True)),
    ],
    ids=["one died", "an empty host", "a copy of the same name came at once", "a moment ago", "one copy"],
)
def test_a_host_that_carried_a_copy_is_told_from_an_empty_one(seen: Timeline, before: Before) -> None:
    assert told(seen) == before


def test_nothing_is_known_of_a_time_before_the_record() -> None:
    assert told(record(NAMES, NAMES).since(AT)) is None


def test_what_was_seen_of_a_loss_is_known_when_the_record_has_forgotten_it() -> None:
    kept: dict[tuple[str, ...], str] = {}

    def remember(*what: str, text: str) -> None:
        kept[what] = text

    lab: Any = SimpleNamespace(recall=lambda *what: kept.get(what), remember=remember)
    host: Any = SimpleNamespace(id="c", running=True)

    def loss(seen: Timeline) -> tuple[int, bool, bool]:
        users: Any = SimpleNamespace(since=seen.since)
        found = ByHand(lab, ("host-1",))._loss("host-1", host, AT, users, 5)
        return found.serving, found.carried, found.known

    forgotten = record(NAMES, NAMES).since(AT + 9)
    assert loss(forgotten) == (5, True, False), "all served, as nobody knows better"
    loss(record(["a"], ["a"], until=101.0))
    assert not kept, "it is not over"
    assert loss(record(["a", "b"], ["a"])) == (2, True, True)
    assert loss(forgotten) == (2, True, True)
    assert [json.loads(each) for each in kept.values()] == [[2, 2, True, True]]

"""Traffic as a page draws it: slices of time, counted by version."""

from __future__ import annotations

from checker.live.traffic import SLICES, drawn
from checker.timeline.model import Timeline
from checker.timeline.record import Connection, Failure, Mark, Request

KIND = next(iter(Connection))


def request(at: float, version: str, failure: Failure | None = None) -> Request:
    return Request(at, 5.0, 0 if failure else 200, failure, version, "one", KIND)


def test_every_request_is_counted_once_by_its_version_or_as_failed() -> None:
    failed = next(iter(Failure))
    requests = (request(10.0, "1.0"), request(10.5, "1.0"), request(50.0, "2.0"), request(99.9, "", failed))
    timeline = Timeline(begin=0.0, end=100.0, requests=requests, marks=(Mark(55.0, "worker-2 lost"),))
    found = drawn("", timeline.since(timeline.end - 90.0))
    assert found["versions"] == ["1.0", "2.0"]
    assert [sum(each) for each in found["answered"]] == [2, 1]
    assert found["answered"][0][0] == 2
    assert found["answered"][1][40] == 1
    assert found["failed"][SLICES - 1] == 1
    assert found["marks"] == [{"at": 45.0, "text": "worker-2 lost"}]
    assert found["summary"].startswith("1 of 4 requests failed")


def test_no_traffic_yet_draws_empty_slices() -> None:
    found = drawn("swarm", Timeline(begin=0.0, end=3.0))
    assert sum(found["failed"]) == 0
    assert found["answered"] == []

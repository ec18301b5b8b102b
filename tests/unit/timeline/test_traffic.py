"""The record read through a shell, and what the engine tells besides."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import NotFoundError
from checker.engine.shell import Completed
from checker.errors import LabError
from checker.timeline import traffic
from checker.timeline.events import marks_of, with_events
from checker.timeline.model import make
from checker.timeline.record import Mark
from checker.timeline.summary import summarize
from checker.timeline.traffic import Traffic
from tests.unit.timeline.streams import stream, timeline

if TYPE_CHECKING:
    from pathlib import Path


class Here:
    """Runs commands by this machine's own shell, as the one in the container does."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, command: str | bytes, seconds: float = 10.0) -> Completed:
        """Run it."""
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=seconds, check=False)
        self.sizes.append(len(done.stdout))
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(traffic, "FOLDER", str(tmp_path))
    return tmp_path


def lines(begin: float, end: float) -> str:
    """Write a request for every 50 ms, as the sender does."""
    return "".join(
        f'["r",{begin + number / 20:.3f},2.1,200,null,"1.0","one","fresh"]\n'
        for number in range(round((end - begin) * 20))
    )


def test_the_last_seconds_are_read_without_the_rest(folder: Path) -> None:
    now = time.time()
    (folder / "record").write_text(lines(now - 3000, now))
    here = Here()
    seen = Traffic(here).last(10)
    assert 100 < len(seen.requests) <= 201
    assert sum(here.sizes) < 100_000 < (folder / "record").stat().st_size


def test_what_is_in_older_parts_is_read_when_it_is_asked_for(folder: Path) -> None:
    now = time.time()
    for number, age in enumerate((40, 30, 20, 10)):
        name = f"record.{3 - number}" if number < 3 else "record"
        (folder / name).write_text(lines(now - age, now - age + 10))
    reader = Traffic(Here())
    assert len(reader.since(now - 25).requests) == pytest.approx(500, abs=2)
    everything = reader.everything()
    assert len(everything.requests) == 800
    assert [each.at for each in everything.requests] == sorted(each.at for each in everything.requests)


def test_a_stream_denser_than_expected_is_read_in_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "BYTES_A_SECOND", 10)
    now = time.time()
    (folder / "record").write_text(lines(now - 100, now))
    assert len(Traffic(Here()).since(now - 50).requests) == pytest.approx(1000, abs=2)


def test_a_moment_before_the_record_begins_gives_all_of_it(folder: Path) -> None:
    now = time.time()
    (folder / "record").write_text(lines(now - 5, now))
    assert len(Traffic(Here()).since(0.0).requests) == 100


def test_a_part_of_the_record_knows_when_there_first_was_a_service(folder: Path) -> None:
    now = time.time()
    failed = lines(now - 100, now - 5).replace('200,null,"1.0","one"', '0,"refused","",""')
    (folder / "record").write_text(failed + lines(now - 5, now))
    reader = Traffic(Here())
    assert len(reader.since(now - 10).served.failures) == 0
    (folder / "first").write_text(f"{now - 500:.3f}\n")
    seen = reader.since(now - 10)
    assert seen.first_good == pytest.approx(now - 500, abs=0.001)
    assert len(seen.served.failures) == pytest.approx(100, abs=2)


def versions(begin: float, end: float, version: str) -> str:
    return lines(begin, end).replace('"1.0"', f'"{version}"')


def test_a_rollout_that_has_just_ended_is_waited_for(folder: Path) -> None:
    now = time.time()
    record = folder / "record"
    record.write_text(versions(now - 20, now - 4, "1.0") + versions(now - 4, now - 2, "2.0"))
    reader = Traffic(Here())
    assert reader.since(0.0).rollouts()[0].under_way

    def go_on() -> None:
        with record.open("a") as file:
            file.write(versions(now - 2, now, "2.0"))

    later = threading.Timer(0.1, go_on)
    later.start()
    (move,) = reader.await_settled(now - 20).rollouts()
    later.join()
    assert move.completed


def downloads(begin: float, end: float) -> str:
    """Write a download for every second, each of which took half a second."""
    return "".join(
        f'["d",{begin + number:.3f},500.0,200,null,"1.0","one","fresh"]\n'
        for number in range(round(end - begin))
    )


def test_a_download_that_hangs_in_a_rollout_is_waited_for(folder: Path) -> None:
    """It is in the record when the sender gives it up; until then, nothing seems to be lost."""
    now = time.time()
    record = folder / "record"
    record.write_text(
        versions(now - 20, now - 8, "1.0")
        + versions(now - 8, now, "2.0")
        + downloads(now - 20, now - 12)
        + downloads(now - 8, now - 1)
    )
    reader = Traffic(Here())
    assert not reader.since(now - 20).rollouts()[0].cut

    def give_up() -> None:
        with record.open("a") as file:
            for age in (12, 11, 10, 9):
                file.write(f'["d",{now - age:.3f},30000.0,200,"timed-out","","","fresh"]\n')

    later = threading.Timer(0.1, give_up)
    later.start()
    (move,) = reader.await_settled(now - 20).rollouts()
    later.join()
    assert move.cut


def test_downloads_that_the_sender_did_not_begin_are_not_waited_for(folder: Path) -> None:
    """It was paused."""
    now = time.time()
    (folder / "record").write_text(
        versions(now - 20, now - 8, "1.0")
        + versions(now - 8, now, "2.0")
        + downloads(now - 20, now - 12)
        + f'["g",{now - 12:.3f},{now - 8:.3f},"paused"]\n'
        + downloads(now - 8, now - 1)
    )
    assert not Traffic(Here()).await_settled(now - 20).rollouts()[0].cut


def test_a_rollout_that_does_not_end_is_not_waited_for_for_ever(folder: Path) -> None:
    now = time.time()
    (folder / "record").write_text(versions(now - 20, now - 1, "1.0") + versions(now - 1, now, "2.0"))
    assert Traffic(Here()).await_settled(0.0, seconds=0.3).rollouts()[0].under_way
    assert Traffic(Here()).everything(0.0).rollouts()[0].under_way


def test_a_rollout_that_nobody_goes_on_with_is_not_waited_for(folder: Path) -> None:
    now = time.time()
    mixed = versions(now - 40, now - 32, "1.0") + versions(now - 32, now - 30, "2.0")
    failed = lines(now - 30, now).replace('200,null,"1.0","one"', '0,"refused","",""')
    (folder / "record").write_text(mixed + failed)
    here = Here()
    assert Traffic(here).everything(1000.0).rollouts()[0].under_way
    assert len(here.sizes) == 1


def test_requests_that_wait_for_their_answers_at_the_end_are_waited_for(folder: Path) -> None:
    end = time.time() - 10
    record = folder / "record"
    record.write_text(lines(end - 5, end - 1))
    given_up = f'["r",{end - 0.5:.3f},2000.4,0,"timed-out","","","fresh"]\n'
    reader = Traffic(Here())
    assert not reader.since(end - 2).failures

    def go_on() -> None:
        with record.open("a") as file:
            file.write(lines(end, end + 1.5) + given_up + lines(end + 1.5, end + 4))

    later = threading.Timer(0.1, go_on)
    later.start()
    seen = reader.between(end - 2, end)
    later.join()
    assert len(seen.failures) == 1
    assert all(end - 2 <= request.at <= end for request in seen.requests)


def test_a_sender_that_is_held_up_is_not_waited_for_for_ever(folder: Path) -> None:
    now = time.time()
    (folder / "record").write_text(lines(now - 5, now - 1))
    assert Traffic(Here()).between(now - 2, now, seconds=0.3).requests


def test_a_gap_that_ends_later_tells_that_nothing_more_comes(folder: Path) -> None:
    end = time.time() - 10
    (folder / "record").write_text(lines(end - 5, end - 1) + f'["g",{end - 1:.3f},{end + 5:.3f},"paused"]\n')
    here = Here()
    assert Traffic(here).between(end - 5, end, seconds=1000.0).requests
    assert len(here.sizes) == 1


def test_a_mark_is_left_in_the_record_and_read_back(folder: Path) -> None:
    now = time.time()
    (folder / "record").write_text(lines(now - 5, now))
    reader = Traffic(Here())
    mark = reader.mark("host-2's “engine”\nkilled \\ $(date) %s é")
    assert mark.text == "host-2's “engine” killed \\ $(date) %s é"
    assert abs(mark.at - time.time()) < 5
    assert reader.since(mark).marks == (mark,)
    assert abs(reader.now() - mark.at) < 5


def test_a_record_that_stands_still_is_no_evidence(folder: Path) -> None:
    now = time.time() - 60
    record = folder / "record"
    record.write_text(lines(now - 5, now))
    subprocess.run(["touch", "-d", "@1", str(record)], check=True)
    with pytest.raises(LabError, match="recorded nothing for"):
        Traffic(Here()).last(10)


def test_a_record_that_is_not_there_says_what_to_do(folder: Path) -> None:
    with pytest.raises(LabError) as caught:
        Traffic(Here()).everything()
    assert "cannot be read" in caught.value.what
    assert "No such file" in caught.value.detail


NEVER = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"Running": True, "StartedAt": "1970-01-01T00:01:00Z", "FinishedAt": NEVER}, ["a started"]),
        (
            {
                "Running": True,
                "ExitCode": 0,
                "StartedAt": "1970-01-01T00:01:00Z",
                "FinishedAt": "1970-01-01T00:00:50Z",
            },
            ["a ended", "a started"],
        ),
        (
            {"Running": False, "ExitCode": 137, "StartedAt": "", "FinishedAt": "1970-01-01T00:00:50Z"},
            ["a ended (killed)"],
        ),
        (
            {"Running": False, "ExitCode": 1, "StartedAt": "", "FinishedAt": "1970-01-01T00:00:50Z"},
            ["a ended (exit code 1)"],
        ),
    ],
)
def test_a_containers_last_end_and_start_are_marks(state: dict[str, Any], told: list[str]) -> None:
    assert [mark.text for mark in marks_of("a", state)] == told


class Inspected:
    """An engine that knows states."""

    def __init__(self, **states: dict[str, Any]) -> None:
        self.states = states

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what is known."""
        if name not in self.states:
            raise NotFoundError(name)
        return {"State": self.states[name]}


def item(name: str, role: str = "", service: str = "") -> dict[str, Any]:
    labels = {"io.drydock.role": role, "com.docker.compose.service": service}
    return {"Id": name, "Names": [f"/{name}"], "Labels": {key: word for key, word in labels.items() if word}}


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def test_what_became_of_containers_is_marked_unless_a_mark_tells_it_already() -> None:
    engine: Any = Inspected(
        parcel={"Running": True, "StartedAt": at(1005), "FinishedAt": NEVER},
        node={"Running": False, "ExitCode": 137, "StartedAt": at(900), "FinishedAt": at(1010)},
        tools={"Running": True, "StartedAt": at(1006), "FinishedAt": NEVER},
    )
    seen = timeline(stream(1000, 1020, "1.0"), [Mark(1010.4, "node-2 lost")])
    containers = [
        item("parcel"),
        item("node", "node", "node-2"),
        item("tools", "toolbox", "toolbox"),
        item("gone"),
    ]
    found = with_events(seen, engine, containers)
    assert [mark.text for mark in found.marks] == ["parcel started", "node-2 lost"]
    # Without the mark of its own, the engine's is shown; what was before the stretch is not.
    bare = with_events(seen.with_marks([]), engine, containers)
    assert [mark.text for mark in bare.marks] == ["parcel started", "node-2 ended (killed)"]


def test_the_traffics_containers_are_found_by_their_services_names() -> None:
    def entry(service: str) -> dict[str, Any]:
        return {"Id": service, "Labels": {"com.docker.compose.service": service}}

    class Listing:
        def __init__(self, *services: str) -> None:
            self.services = services

        def list_all(self, kind: str, *, labels: dict[str, str]) -> list[dict[str, Any]]:
            assert kind == "containers"
            assert labels == {"com.docker.compose.project": "drydock-09"}
            return [entry(service) for service in self.services]

    def found(*services: str) -> dict[str, str]:
        engine: Any = Listing(*services)
        return {name: item["Id"] for name, item in traffic.find_all(engine, "drydock-09").items()}

    assert found("front", "trafficker") == {}
    assert found("front", "traffic") == {"": "traffic"}
    assert found("traffic-swarm", "traffic-nomad") == {"nomad": "traffic-nomad", "swarm": "traffic-swarm"}


def test_a_summary_holds_what_the_timeline_answers() -> None:
    from checker.timeline.record import Failure

    seen = timeline(
        stream(0, 10, "1.0"), stream(10, 11, Failure.REFUSED), stream(11, 20, "2.0"), [Mark(10.0, "go")]
    )
    told = summarize(seen)
    assert (told.requests, len(told.failures), told.kinds) == (400, 20, {"refused": 20})
    assert [(move.before, move.after, move.completed, move.failed) for move in told.rollouts] == [
        ("1.0", "2.0", True, 20)
    ]
    assert told.latency_ms == {"50": 2.0, "90": 2.0, "99": 2.0}
    assert [mark.text for mark in told.marks] == ["go"]
    assert summarize(make([], now=1.0)).first_good is None

"""Traffic as a process of this machine's own Python, sending to small services on the loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.author import wait_until
from checker.timeline.model import Timeline, make
from checker.timeline.record import Begin, Cause, Connection, Failure, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).parents[3] / "images" / "traffic"
SECONDS = 10.0
FASTER = "traffic.FRESH_SECONDS = 0.01; traffic.KEPT_SECONDS = 0.04; traffic.SLIP_SECONDS = 8.0"
"""Five times as many requests, so that nobody waits for them; and no gaps because this machine is busy."""

BODY = json.dumps({"service": "parcel", "version": "1.0", "instance": "one", "counter": 7}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n%x;more=1\r\n%b\r\n0\r\n\r\n" % (
    5,
    BODY[:5],
    len(BODY) - 5,
    BODY[5:],
)


class Service:
    """A port that does one thing with each request: bytes to answer with, or a word for another ending.

    `reset` breaks the connection off, `close` closes it without a byte, `silent` says nothing.
    """

    def __init__(self, does: bytes | str) -> None:
        self.does = does
        self.requests: list[bytes] = []
        self.connections = 0
        """Those that carried a request; a sender may end between its connection and its request."""
        self._taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._taken.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        used = False
        while True:
            try:
                request = connection.recv(65536)
            except OSError:
                return
            if not request:
                return
            self.requests.append(request)
            self.connections += not used
            used = True
            if isinstance(self.does, bytes):
                connection.sendall(self.does)
                if b"Content-Length" in self.does or b"chunked" in self.does:
                    continue
            if self.does == "silent":
                continue
            if self.does == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return

    def cut(self) -> None:
        """Close every connection that there is now, and none that a sender opens because of it."""
        taken, self._taken = self._taken, []
        for connection in taken:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            connection.close()

    def close(self) -> None:
        """Listen no longer."""
        # Closed alone, it would still take the one connection that the thread waits for.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


class Sender:
    """A Traffic that writes its record into a folder."""

    def __init__(self, folder: Path, to: str, patch: str = "") -> None:
        self.file = folder / "record"
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import traffic, time\n{FASTER}\n{patch}\ntraffic.main()"],
            cwd=FOLDER,
            env={**os.environ, "DRYDOCK_TRAFFIC_TO": to, "DRYDOCK_TRAFFIC_RECORD": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def seen(self) -> Timeline:
        """What it has recorded until now."""
        return make(read_lines(self.file.read_bytes() if self.file.exists() else b""))

    def until(self, holds: Callable[[Timeline], object]) -> Timeline:
        """Wait until something holds of what it recorded, and return that."""
        assert wait_until(lambda: holds(self.seen), SECONDS), (
            f"{self.seen}\n{self.file.read_text() if self.file.exists() else ''}"
        )
        return self.seen

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes | str], Service]]:
    made: list[Service] = []

    def begin(does: bytes | str = ANSWER) -> Service:
        made.append(Service(does))
        return made[-1]

    yield begin
    for service in made:
        service.close()


@pytest.fixture
def send(tmp_path: Path) -> Iterator[Callable[..., Sender]]:
    made: list[Sender] = []

    def begin(to: str | Service, patch: str = "") -> Sender:
        address = to if isinstance(to, str) else f"http://127.0.0.1:{to.port}/"
        made.append(Sender(tmp_path, address, patch))
        return made[-1]

    yield begin
    for sender in made:
        sender.process.kill()
        sender.process.wait(SECONDS)
        if sender.process.stdout:
            sender.process.stdout.close()


def both_ways(seen: Timeline) -> bool:
    """Whether requests on both kinds of connection have ended, several of each."""
    return all(len(seen.over(kind).requests) >= 3 for kind in Connection)


@pytest.mark.parametrize("answer", [ANSWER, CHUNKED])
def test_an_answer_is_recorded_with_what_it_says_of_itself(
    serve: Callable[..., Service], send: Callable[..., Sender], answer: bytes
) -> None:
    before = time.time()
    seen = send(serve(answer)).until(both_ways)
    assert not seen.failures
    assert {(each.status, each.version, each.instance) for each in seen.requests} == {(200, "1.0", "one")}
    assert all(before - 1 <= each.at <= time.time() for each in seen.requests)
    assert 0 < seen.latency(50) < 2000


def test_a_fresh_connection_for_each_request_and_one_that_is_kept(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    sender = send(service)
    sender.until(lambda seen: len(seen.over(Connection.KEPT).requests) >= 5)
    sender.end()

    def fresh() -> int:
        return sum(b"Connection: close" in request for request in service.requests)

    # One connection for all that were kept.
    assert wait_until(lambda: service.connections == fresh() + 1, SECONDS), (service.connections, fresh())
    assert fresh() > len(service.requests) - fresh() >= 5


@pytest.mark.parametrize(
    ("does", "failure", "status"),
    [
        ("reset", Failure.RESET, 0),
        ("close", Failure.EMPTY, 0),
        (b"SSH-2.0-OpenSSH_10.0\r\n", Failure.BAD_ANSWER, 0),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, None, 200),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/pl", Failure.BAD_ANSWER, 0),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", Failure.STATUS, 503),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", None, 302),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", None, 204),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, None, 200),
    ],
)
def test_each_ending_has_its_kind(
    serve: Callable[..., Service],
    send: Callable[..., Sender],
    does: bytes | str,
    failure: Failure | None,
    status: int,
) -> None:
    seen = send(serve(does)).until(both_ways)
    assert {(each.failure, each.status) for each in seen.requests} == {(failure, status)}


def test_an_answer_that_is_cut_short_is_broken(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve(ANSWER[:-4])
    sender = send(service)
    assert wait_until(lambda: len(service.requests) > 4, SECONDS)
    service.cut()
    assert Failure.BAD_ANSWER in sender.until(lambda seen: seen.failures).kinds


def test_a_service_that_says_nothing_is_given_up(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    seen = send(serve("silent"), "traffic.GIVE_UP_SECONDS = 0.3").until(both_ways)
    assert set(seen.kinds) == {Failure.TIMED_OUT}
    assert all(each.ms >= 300 for each in seen.failures)


def test_a_port_where_nothing_listens_refuses(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    service.close()
    assert set(send(service).until(both_ways).kinds) == {Failure.REFUSED}


DOWNLOADS = (
    "import os; os.environ['DRYDOCK_TRAFFIC_DOWNLOAD'] = '/slow?seconds=1'; traffic.DOWNLOAD_SECONDS = 0.05"
)


def test_downloads_are_sent_beside_the_requests_and_recorded_apart(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    seen = send(service, DOWNLOADS).until(lambda seen: both_ways(seen) and len(seen.downloads) >= 3)
    assert not seen.cut
    assert {each.version for each in seen.downloads} == {"1.0"}
    assert any(request.startswith(b"GET /slow?seconds=1 HTTP/1.1") for request in service.requests)
    assert any(request.startswith(b"GET / HTTP/1.1") for request in service.requests)


def test_a_download_may_take_longer_than_a_request_and_is_cut_off_with_its_connection(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve("silent")
    sender = send(service, f"{DOWNLOADS}; traffic.GIVE_UP_SECONDS = 0.3")
    assert not sender.until(lambda seen: len(seen.failures) >= 5).downloads
    service.cut()
    cut = sender.until(lambda seen: len(seen.cut) >= 3).cut
    assert {each.failure for each in cut} <= {Failure.EMPTY, Failure.RESET}
    assert cut[0].ms > 300


@pytest.mark.parametrize(("longest", "counts"), [("8.0", True), ("0.3", False)], ids=["short", "long"])
def test_a_download_that_is_cut_off_in_a_pause_of_its_own_counts_if_the_pause_is_short(
    serve: Callable[..., Service], send: Callable[..., Sender], longest: str, counts: bool
) -> None:
    service = serve("silent")
    sender = send(
        service, f"{DOWNLOADS}; traffic.SLIP_SECONDS = 0.25; traffic.STANDSTILL_SECONDS = {longest}"
    )
    assert wait_until(lambda: sum(b"/slow" in each for each in service.requests) >= 3, SECONDS)
    sender.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    service.does = ANSWER
    service.cut()
    assert wait_until(lambda: time.monotonic() - stopped > 0.6, SECONDS)
    sender.process.send_signal(signal.SIGCONT)
    seen = sender.until(lambda seen: seen.gaps and seen.good and seen.good[-1].at > seen.gaps[-1].end)
    assert bool(seen.cut) == counts
    assert not seen.failures


def test_a_path_of_downloads_that_is_none_is_named(send: Callable[..., Sender]) -> None:
    sender = send("http://nowhere.test/", "import os; os.environ['DRYDOCK_TRAFFIC_DOWNLOAD'] = 'slow'")
    assert sender.process.wait(SECONDS) == 1
    assert sender.process.stdout
    assert "must be a path, such as /download?seconds=8" in sender.process.stdout.read()


def profile(points: str) -> str:
    """Patch a sender to have a load that comes and goes."""
    return f"import os; os.environ['DRYDOCK_TRAFFIC_PROFILE'] = '{points}'; traffic.SLIP_SECONDS = 0.9"


def test_a_load_comes_when_asked_for_and_is_marked_at_its_beginning_and_its_end(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    sender = send(serve(), profile("0:2 0.2:60 0.8:60 1:2"))
    before = sender.until(lambda seen: len(seen.requests) >= 2)
    assert not before.marks
    sender.process.send_signal(signal.SIGUSR1)
    seen = sender.until(lambda seen: len(seen.marks) == 2 and seen.end > seen.marks[1].at + 1)
    begin, end = seen.marks
    assert (begin.text, end.text) == ("load begins", "load ends")
    assert end.at - begin.at == pytest.approx(1.0, abs=0.3)
    during, after = seen.between(begin, end), seen.since(end)
    assert len(during.requests) > 20
    assert len(after.requests) < 5
    assert {each.connection for each in seen.requests} == {Connection.FRESH}


def test_a_load_under_way_is_not_begun_again(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    sender = send(serve(), profile("0:10 1:10"))
    sender.until(lambda seen: seen.requests)
    sender.process.send_signal(signal.SIGUSR1)
    sender.until(lambda seen: seen.marks)
    sender.process.send_signal(signal.SIGUSR1)
    sender.until(lambda seen: len(seen.marks) == 2)
    sender.process.send_signal(signal.SIGUSR1)
    texts = [each.text for each in sender.until(lambda seen: len(seen.marks) == 3).marks]
    assert texts == ["load begins", "load ends", "load begins"]


def test_a_sender_without_a_profile_is_not_ended_by_the_signal_for_it(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    sender = send(serve())
    sender.until(both_ways)
    sender.process.send_signal(signal.SIGUSR1)
    count = len(sender.seen.requests)
    assert not sender.until(lambda seen: len(seen.requests) > count + 5).marks


@pytest.mark.parametrize("points", ["fast", "0:1", "5:1 9:2", "0:1 0:2", "0:1 9:0", "0:1 9:900"])
def test_a_profile_that_is_none_is_named(send: Callable[..., Sender], points: str) -> None:
    sender = send("http://nowhere.test/", profile(points))
    assert sender.process.wait(SECONDS) == 1
    assert sender.process.stdout
    assert "such as 0:1 20:1 60:16 90:1" in sender.process.stdout.read()


def test_a_name_that_nobody_knows_is_told_apart(send: Callable[..., Sender]) -> None:
    # RFC 6761: `.invalid` never resolves; without a name server nothing does.
    assert set(send("http://parcel.invalid:8080/").until(both_ways).kinds) == {Failure.NO_NAME}


def test_a_name_that_moves_takes_the_requests_with_it(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    gone, service = serve(), serve()
    gone.close()
    patch = f"""
def look_up(host, port, **_):
    new = traffic.Path({str(tmp_path / "moved")!r}).exists()
    return [(2, 1, 6, "", ("127.0.0.1", {service.port} if new else {gone.port}))]
traffic.socket.getaddrinfo = look_up
traffic.WELL_LOOKUP_SECONDS = 1000
"""
    sender = send("http://parcel:8080/", patch)
    sender.until(lambda seen: seen.failures)
    (tmp_path / "moved").touch()
    moved = sender.until(lambda seen: len(seen.good) > 10)
    # A refused connection asks anew before it counts: the look-up that found the new address saved its request.
    first = moved.good[0].at
    assert not [each for each in moved.failures if each.at > first]


def test_a_kept_connection_closed_between_two_requests_is_no_failure(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    sender = send(service)
    sender.until(both_ways)
    before = len(sender.seen.over(Connection.KEPT).requests)
    service.cut()
    after = sender.until(lambda seen: len(seen.over(Connection.KEPT).requests) > before + 3)
    assert not after.over(Connection.KEPT).failures


def test_a_kept_connection_cut_under_a_request_is_sent_again_and_says_so(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    sender = send(service)
    sender.until(both_ways)
    service.does = "close"  # the next request on the kept connection is read, and the connection closed
    seen = sender.until(lambda seen: seen.resent)
    assert {each.connection for each in seen.resent} == {Connection.KEPT}


def test_a_pause_of_its_own_is_a_gap_and_no_failure(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    sender = send(service, "traffic.GIVE_UP_SECONDS = 0.3; traffic.SLIP_SECONDS = 0.25")
    sender.until(both_ways)
    service.does = "silent"
    asked = len(service.requests)
    assert wait_until(lambda: len(service.requests) > asked + 1, SECONDS)
    sender.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    # What was under way when it was stopped is long past its time when it goes on.
    assert wait_until(lambda: time.monotonic() - stopped > 0.6, SECONDS)
    service.does = ANSWER
    sender.process.send_signal(signal.SIGCONT)
    seen = sender.until(lambda seen: seen.gaps and seen.good and seen.good[-1].at > seen.gaps[-1].end)
    assert {gap.cause for gap in seen.gaps} == {Cause.PAUSED}
    assert max(gap.seconds for gap in seen.gaps) >= 0.6
    assert not seen.failures


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_record_goes_on_after_an_end_and_tells_of_the_time_between(
    serve: Callable[..., Service], send: Callable[..., Sender], number: signal.Signals
) -> None:
    service = serve()
    sender = send(service)
    first = sender.until(both_ways)
    assert sender.end(number) == (0 if number == signal.SIGTERM else -9)
    seen = send(service).until(lambda seen: len(seen.requests) > len(first.requests) + 5)
    assert [gap.cause for gap in seen.gaps] == [Cause.STOPPED]
    assert not seen.failures
    assert seen.requests[: len(first.requests)] == first.requests


def test_the_first_good_answer_of_all_is_kept(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    service = serve(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    sender = send(service)
    sender.until(both_ways)
    assert not (tmp_path / "first").exists()
    service.does = ANSWER
    first = sender.until(lambda seen: seen.good).good[0].at
    assert wait_until((tmp_path / "first").exists, SECONDS)
    kept = (tmp_path / "first").read_text()
    assert float(kept) == pytest.approx(first, abs=0.2)
    sender.end()
    send(service).until(lambda seen: seen.gaps and seen.good[-1].at > seen.gaps[-1].end)
    assert (tmp_path / "first").read_text() == kept


def test_half_a_line_is_ended_and_left_out(
    serve: Callable[..., Service], send: Callable[..., Sender]
) -> None:
    service = serve()
    sender = send(service)
    first = sender.until(both_ways)
    sender.end(signal.SIGKILL)
    with sender.file.open("ab") as file:
        file.write(b'["r",1795559295.335,4.6,20')
    seen = send(service).until(lambda seen: len(seen.requests) > len(first.requests) + 5)
    assert b'4.6,20\n["g",' in sender.file.read_bytes()
    assert not seen.failures


CLOCK = """
real = time.time
def told():
    file = traffic.Path({file!r})
    return real() + (float(file.read_text() or 0) if file.exists() else 0)
traffic.time.time = told
"""


def test_a_clock_set_back_moves_what_was_written_before_it(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    sender = send(serve(), CLOCK.format(file=str(tmp_path / "set")))
    sender.until(both_ways)
    (tmp_path / "set").write_text("-3600")
    count = len(sender.seen.requests)
    seen = sender.until(lambda seen: len(seen.requests) > count + 20)
    assert sender.file.read_bytes().count(b'\n["s",') == 1
    assert seen.first_good is not None
    assert float(sender.file.with_name("first").read_text()) == pytest.approx(seen.first_good, abs=0.002)
    # All on the clock as it is now: an hour ago nothing happened, and nothing is missing in between.
    assert seen.end - seen.begin < 60
    assert not seen.gaps
    assert not seen.outages()


def test_a_clock_set_forward_is_a_gap(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    sender = send(serve(), CLOCK.format(file=str(tmp_path / "set")))
    sender.until(both_ways)
    (tmp_path / "set").write_text("3600")
    seen = sender.until(lambda seen: seen.gaps and seen.good[-1].at > seen.gaps[-1].end + 0.2)
    assert [(gap.cause, round(gap.seconds, -1)) for gap in seen.gaps] == [(Cause.CLOCK, 3600)]
    assert not seen.failures


def test_a_clock_set_back_while_it_was_stopped_is_noticed(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    service = serve()
    sender = send(service)
    first = sender.until(both_ways)
    sender.end()
    (tmp_path / "set").write_text("-3600")
    seen = send(service, CLOCK.format(file=str(tmp_path / "set"))).until(
        lambda seen: len(seen.requests) > len(first.requests) + 5
    )
    assert seen.end - seen.begin < 60


def test_the_record_is_bounded_and_its_oldest_part_goes(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    patch = "traffic.PART_BYTES = 500; traffic.FRESH_SECONDS = 0.005; traffic.KEPT_SECONDS = 0.02"
    sender = send(serve(), patch)
    assert wait_until((tmp_path / "record.3").exists, SECONDS)
    first = (tmp_path / "record.3").read_bytes()
    assert wait_until(lambda: (tmp_path / "record.3").read_bytes() != first, SECONDS)
    sender.end()
    parts = sorted(tmp_path.glob("record*"))
    # Ended in the middle of a turn, it leaves one part fewer.
    assert {file.name for file in parts} <= {"record", "record.1", "record.2", "record.3"}
    assert len(parts) >= 3
    assert all(isinstance(read_lines(file.read_bytes())[0], Begin) for file in parts)


def test_a_record_that_cannot_be_written_is_a_gap_and_the_sending_goes_on(
    serve: Callable[..., Service], send: Callable[..., Sender], tmp_path: Path
) -> None:
    patch = f"""
write = traffic.os.write
def full(file, data):
    if traffic.Path({str(tmp_path / "full")!r}).exists():
        raise OSError(28, "No space left on device")
    return write(file, data)
traffic.os.write = full
"""
    service = serve()
    sender = send(service, patch)
    sender.until(both_ways)
    (tmp_path / "full").touch()
    asked = len(service.requests)
    assert wait_until(lambda: len(service.requests) > asked + 10, SECONDS)
    (tmp_path / "full").unlink()
    seen = sender.until(lambda seen: seen.gaps and seen.good[-1].at > seen.gaps[-1].end)
    assert [gap.cause for gap in seen.gaps] == [Cause.UNABLE]


def test_it_says_when_it_has_no_network_instead_of_blaming_the_service(send: Callable[..., Sender]) -> None:
    sender = send("http://parcel.invalid/", "traffic.socket.if_nameindex = lambda: [(1, 'lo')]")
    assert sender.process.stdout is not None
    said = [sender.process.stdout.readline() for _ in range(2)]
    assert "there is no network" in said[1]
    assert not sender.seen.failures


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("", "DRYDOCK_TRAFFIC_TO is not set"),
        ("https://front/", "must be an http:// address"),
        ("front:8080", "must be an http:// address"),
        ("http://front:http/", "must be an http:// address"),
        ("http://front/a b", "must be an http:// address"),
    ],
)
def test_an_address_that_cannot_be_sent_to_is_named(send: Callable[..., Sender], to: str, told: str) -> None:
    sender = send(to)
    said, _ = sender.process.communicate(timeout=SECONDS)
    assert sender.process.returncode == 1
    assert told in said
    assert "Traceback" not in said


@pytest.fixture
def pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """Traffic's pace by a plan, and the file of the plan, which is not there yet."""
    monkeypatch.syspath_prepend(str(FOLDER))
    file = tmp_path / "plan.json"
    return __import__("traffic").Pace(str(file)), file


def test_without_the_file_of_the_plan_a_request_a_second_is_sent(pace: tuple[Any, Path]) -> None:
    assert pace[0].fresh(1000.0) == 1.0
    assert pace[0].kept == 1.0


def test_between_two_times_of_a_plan_the_rate_changes_evenly(pace: tuple[Any, Path]) -> None:
    planned, file = pace
    file.write_text(json.dumps({"begin": 1000, "rates": [[0, 2], [10, 12], [20, 12]]}))
    assert planned.fresh(1000.0) == pytest.approx(1 / 2)
    assert planned.fresh(1005.0) == pytest.approx(1 / 7)
    assert planned.fresh(1015.0) == pytest.approx(1 / 12)


def test_outside_the_time_of_a_plan_a_request_a_second_is_sent(pace: tuple[Any, Path]) -> None:
    planned, file = pace
    file.write_text(json.dumps({"begin": 1000, "rates": [[0, 5], [10, 5]]}))
    assert (planned.fresh(999.0), planned.fresh(1010.0)) == (1.0, 1.0)


def test_a_plan_may_come_change_and_go(pace: tuple[Any, Path]) -> None:
    planned, file = pace
    file.write_text(json.dumps({"begin": 0, "rates": [[0, 5], [10, 5]]}))
    assert planned.fresh(1.0) == pytest.approx(1 / 5)
    file.write_text(json.dumps({"begin": 0, "rates": [[0, 50], [10, 50]]}))
    os.utime(file, ns=(1, 1))
    assert planned.fresh(1.0) == pytest.approx(1 / 50)
    file.unlink()
    assert planned.fresh(1.0) == 1.0


def test_a_file_that_is_no_plan_is_told_once_and_changes_nothing(
    pace: tuple[Any, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    planned, file = pace
    file.write_text("rates")
    assert (planned.fresh(1.0), planned.fresh(1.0)) == (1.0, 1.0)
    assert capsys.readouterr().out.count("is no plan") == 1

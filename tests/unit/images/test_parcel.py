"""Parcel over the loopback, as a process of this machine's own Python."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARCEL = Path(__file__).parents[3] / "images" / "parcel" / "parcel.py"
SECONDS = 10.0


class Running:
    """A Parcel that listens on a port of its own choosing."""

    seconds = SECONDS
    """How long an answer may take."""

    def __init__(self, environment: dict[str, str], program: Path = PARCEL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PARCEL_BIND": "127.0.0.1", "PARCEL_PORT": "0", **environment},
        )
        self.started = self.next_log("started")
        self.port = int(str(self.started["address"]).rpartition(":")[2])

    def next_log(self, event: str) -> dict[str, Any]:
        """Read log lines until one of this event."""
        assert self.process.stdout is not None
        while True:
            ready = select.select([self.process.stdout], [], [], SECONDS)[0]
            assert ready, f"no log line `{event}` within {SECONDS} s"
            line = self.process.stdout.readline()
            assert line, f"Parcel ended before it said `{event}`"
            record: dict[str, Any] = json.loads(line)
            if record["event"] == event:
                return record

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> tuple[int, bytes]:
        """Make one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.seconds)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path: str, method: str = "GET") -> Any:
        """Make one request and decode its answer."""
        return json.loads(self.ask(path, method)[1])

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(**environment: str) -> Running:
        one = Running({"PARCEL_DATA": str(tmp_path), **environment})
        running.append(one)
        return one

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait(SECONDS)
        if one.process.stdout:
            one.process.stdout.close()


def test_the_front_page_says_who_answers_and_counts(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_INSTANCE="parcel-a", PARCEL_VERSION="2.0")
    assert parcel.json("/") == {"service": "parcel", "version": "2.0", "instance": "parcel-a", "counter": 1}
    assert parcel.json("/")["counter"] == 2


def test_browsers_get_a_page_that_needs_nothing_else(start: Callable[..., Running]) -> None:
    status, page = start(PARCEL_INSTANCE="<b>&").ask("/", Accept="text/html,*/*")
    assert status == 200
    assert b"&lt;b>&amp;" in page
    assert b"{{" not in page
    assert b"http" not in page.replace(b"http-equiv", b"")


def test_the_counter_goes_on_after_a_restart_on_the_same_folder(start: Callable[..., Running]) -> None:
    first = start()
    first.json("/")
    assert first.stop() == 0
    assert start().json("/")["counter"] == 2


def test_a_folder_that_cannot_be_written_is_said_once_and_counted_in_memory(
    start: Callable[..., Running],
) -> None:
    parcel = start(PARCEL_DATA="/proc/nowhere")
    assert parcel.json("/")["counter"] == 1
    assert parcel.next_log("counter kept in memory")["level"] == "warning"
    assert parcel.json("/")["counter"] == 2


def test_it_is_ready_only_after_its_delay(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_READY_DELAY_MS="60000")
    assert parcel.ask("/readyz")[0] == 503
    assert parcel.ask("/healthz")[0] == 200
    assert start().ask("/readyz")[0] == 200


def test_while_it_warms_up_it_turns_everybody_away_and_lives(start: Callable[..., Running]) -> None:
    cold = start(PARCEL_WARM_UP_MS="60000")
    for path in ("/", "/download?seconds=1", "/nowhere"):
        status, answer = cold.ask(path)
        assert (status, json.loads(answer)["status"]) == (503, "warming up")
    assert cold.json("/readyz")["status"] == "starting"
    assert cold.ask("/healthz")[0] == 200
    warm = start(PARCEL_WARM_UP_MS="1")
    wait_until(lambda: warm.ask("/readyz")[0] == 200, 5)
    assert (warm.ask("/readyz")[0], warm.ask("/")[0]) == (200, 200)


def test_a_faulty_release_is_ready_and_fails_on_its_front_page(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_FAULT="front")
    assert (parcel.ask("/healthz")[0], parcel.ask("/readyz")[0]) == (200, 200)
    assert parcel.ask("/")[0] == 500
    assert "counter" not in parcel.json("/")


def test_a_download_comes_in_pieces_and_is_whole(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_VERSION="2.0")
    began = time.monotonic()
    answer = parcel.json("/download?seconds=1")
    assert time.monotonic() - began >= 0.9
    assert answer["version"] == "2.0"
    assert len(answer["parcels"]) == 4
    assert parcel.json("/download?seconds=0")["parcels"] == []
    assert parcel.ask("/download?seconds=61")[0] == 400


def test_a_stop_cuts_off_a_download_that_takes_longer_than_the_drain(start: Callable[..., Running]) -> None:
    for drain, whole in (("100", False), ("5000", True)):
        parcel = start(PARCEL_DRAIN_MS=drain)
        connection = http.client.HTTPConnection("127.0.0.1", parcel.port, timeout=SECONDS)
        connection.request("GET", "/download?seconds=2")
        answer = connection.getresponse()
        assert answer.read(10)
        assert parcel.stop() == 0
        if whole:
            answer.read()
        else:
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                answer.read()
        assert parcel.next_log("stopped")["cut_off"] == (0 if whole else 1)
        connection.close()


def test_a_secret_is_proven_by_its_fingerprint_and_never_told(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("open sesame\n")
    status, answer = start(PARCEL_SECRET_FILE=str(file)).ask("/secret")
    assert status == 200
    assert json.loads(answer) == {"fingerprint": hashlib.sha256(b"open sesame").hexdigest()[:16]}


def test_a_secret_that_is_not_there_is_said(start: Callable[..., Running], tmp_path: Path) -> None:
    status, answer = start(PARCEL_SECRET_FILE=str(tmp_path / "none")).ask("/secret")
    assert status == 500
    assert b"No such file or directory" in answer
    assert start().ask("/secret")[0] == 404


def test_a_note_is_kept_and_returned(start: Callable[..., Running]) -> None:
    parcel = start()
    assert parcel.ask("/note")[0] == 404
    assert parcel.ask("/note", "PUT", "grüße".encode())[0] == 200
    assert parcel.ask("/note") == (200, "grüße".encode())


def test_a_note_that_cannot_be_written_says_why(start: Callable[..., Running]) -> None:
    status, answer = start(PARCEL_DATA="/proc/nowhere").ask("/note", "PUT", b"text")
    assert status == 507
    assert b"/proc/nowhere" in answer


def test_a_note_too_large_is_refused(start: Callable[..., Running]) -> None:
    assert start().ask("/note", "PUT", b"", **{"Content-Length": "70000"})[0] == 413


def processor_seconds(process: int) -> float:
    """Return the processor time of a process, from the kernel (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the kernel's figures are in /proc on Linux")
def test_work_uses_as_much_processor_time_as_asked_for(start: Callable[..., Running]) -> None:
    parcel = start()
    before = processor_seconds(parcel.process.pid)
    assert parcel.json("/work?ms=300")["worked_ms"] == 300
    # The kernel counts in ticks of a hundredth of a second, and rounds two figures down.
    assert processor_seconds(parcel.process.pid) - before >= 0.28


@pytest.mark.parametrize("path", ["/work?ms=-1", "/work?ms=much", "/leak?mb=1.5", "/work?ms=99999999"])
def test_numbers_that_make_no_sense_are_refused(start: Callable[..., Running], path: str) -> None:
    status, answer = start().ask(path)
    assert status == 400
    assert b"whole number" in answer


def test_a_leak_really_takes_memory_and_adds_up(start: Callable[..., Running]) -> None:
    parcel = start()
    before = _resident(parcel.process.pid)
    assert parcel.json("/leak?mb=20", "POST") == {"leaked_mb": 20}
    assert parcel.json("/leak?mb=1") == {"leaked_mb": 21}
    assert _resident(parcel.process.pid) - before > 20 * 1024 * 1024


def test_a_crash_ends_it_at_once_with_exit_code_1(start: Callable[..., Running]) -> None:
    parcel = start()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        parcel.ask("/crash")
    assert parcel.process.wait(SECONDS) == 1


def test_a_hung_parcel_lives_answers_nobody_and_still_stops(start: Callable[..., Running]) -> None:
    parcel = start()
    threading.Thread(target=_ask_in_vain, args=(parcel, "/hang"), daemon=True).start()
    parcel.next_log("hang")
    connection = http.client.HTTPConnection("127.0.0.1", parcel.port, timeout=0.3)
    connection.request("GET", "/healthz")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert parcel.process.poll() is None
    assert parcel.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_a_line_in_the_log(
    start: Callable[..., Running], number: signal.Signals
) -> None:
    parcel = start()
    parcel.json("/")
    parcel.process.send_signal(number)
    assert parcel.next_log("stopped")["signal"] == number.name
    assert parcel.process.wait(SECONDS) == 0


def test_what_was_asked_before_the_signal_is_answered_before_it_stops(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_DRAIN_MS="8000")
    with _asking(parcel, "/work?ms=300") as connection:
        assert parcel.stop() == 0
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_request_that_takes_too_long_is_cut_off_at_the_limit(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_DRAIN_MS="50")
    with _asking(parcel, "/work?ms=30000"):
        parcel.process.send_signal(signal.SIGTERM)
        assert parcel.next_log("stopped")["cut_off"] == 1
        assert parcel.process.wait(SECONDS) == 0


def test_a_connection_that_asks_nothing_does_not_hold_up_a_stop(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_DRAIN_MS="8000")
    with socket.create_connection(("127.0.0.1", parcel.port), SECONDS):
        parcel.process.send_signal(signal.SIGTERM)
        assert parcel.next_log("stopped")["ms"] < 1000


def test_unknown_paths_and_methods_are_answered_with_what_there_is(start: Callable[..., Running]) -> None:
    parcel = start()
    assert "/healthz" in parcel.json("/nowhere")["paths"]
    assert parcel.ask("/note", "POST", b"x")[0] == 405


def test_many_requests_at_once_are_each_counted_once(start: Callable[..., Running]) -> None:
    parcel = start()
    counters: list[int] = []
    threads = [
        threading.Thread(target=lambda: counters.append(parcel.json("/")["counter"])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(counters) == list(range(1, 21))


def test_the_address_that_kubernetes_puts_into_parcel_port_is_no_port_of_ours(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(PARCEL)],
        env={**os.environ, "PARCEL_BIND": "192.0.2.1", "PARCEL_PORT": "tcp://10.43.0.7:80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    # An address that is not this machine's: it gets as far as listening, on the port it would have without.
    assert '"address": "192.0.2.1:8080"' in ended.stdout


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(PARCEL)],
        env={**os.environ, "PARCEL_PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert ended.returncode == 1
    assert "PARCEL_PORT is 'http'" in ended.stderr


def test_the_health_check_tells_a_living_from_a_dead_service(start: Callable[..., Running]) -> None:
    parcel = start(PARCEL_READY_DELAY_MS="60000")
    health = [sys.executable, "-I", "-S", str(PARCEL.with_name("health.py"))]
    environment = {**os.environ, "PARCEL_PORT": str(parcel.port)}
    assert subprocess.run(health, env=environment, check=False, timeout=SECONDS).returncode == 0
    readiness = [*health, "/readyz"]
    assert subprocess.run(readiness, env=environment, check=False, timeout=SECONDS).returncode == 1
    parcel.stop()
    assert subprocess.run(health, env=environment, check=False, timeout=SECONDS).returncode == 1


def test_the_health_check_takes_no_address_of_kubernetes_for_a_port() -> None:
    health = [sys.executable, "-I", "-S", str(PARCEL.with_name("health.py"))]
    environment = {"PARCEL_PORT": "tcp://10.43.0.7:80", "PARCEL_BIND": "127.0.0.9"}
    done = subprocess.run(health, env=environment, check=False, timeout=SECONDS, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")


def _ask_in_vain(parcel: Running, path: str) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        parcel.ask(path)


def _asking(parcel: Running, path: str) -> socket.socket:
    """Send a whole request; on the loopback it has arrived when this returns."""
    connection = socket.create_connection(("127.0.0.1", parcel.port), SECONDS)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: parcel\r\n\r\n".encode())
    return connection


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

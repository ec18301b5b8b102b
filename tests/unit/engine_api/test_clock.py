"""Moments of the engine are told by its own clock, which a laptop's sleep puts seconds off."""

from __future__ import annotations

import datetime as dt
import time
import urllib.parse
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from checker.engine.api import Engine
from checker.engine.clock import Clock, moment
from checker.engine.endpoint import Endpoint
from tests.unit.engine_api import servers

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable


def serve(skew: float, seen: list[str]) -> Callable[[socket.socket, threading.Event], None]:
    """Answer as an engine whose clock is ahead by some seconds."""

    def handle(sock: socket.socket, _: threading.Event) -> None:
        while line := servers.read_request(sock).split(b"\r\n")[0].decode():
            path = line.split()[1]
            seen.append(path)
            there = time.time() + skew
            body = b'{"Action":"die"}\n' if path.startswith("/events") else b"OK"
            if path == "/info":
                told = dt.datetime.fromtimestamp(there, dt.UTC).isoformat()
                body = f'{{"SystemTime":"{told}"}}'.encode()
            date = formatdate(int(there), usegmt=True)
            head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
            sock.sendall(head.encode() + body)

    return handle


@pytest.mark.parametrize("skew", [-10.0, 0.0, 10.0])
def test_what_happened_until_now_is_asked_by_the_engines_clock(skew: float) -> None:
    seen: list[str] = []
    with servers.serving(serve(skew, seen)) as port:
        engine = Engine(Endpoint(f"tcp://127.0.0.1:{port}", "test"))
        before = time.time() + skew
        assert [event["Action"] for event in engine.events(since=0, until=time.time())] == ["die"]
        after = time.time() + skew
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(seen[-1]).query)
    assert before - 0.5 <= float(query["until"][0]) <= after + 0.5
    assert ("/info" in seen) is bool(skew)


def test_an_earlier_moment_stays_what_it_is() -> None:
    seen: list[str] = []
    with servers.serving(serve(0.0, seen)) as port:
        engine = Engine(Endpoint(f"tcp://127.0.0.1:{port}", "test"))
        list(engine.events(since=0, until=1000.0))
    assert "until=1000.000000" in seen[-1]


def test_podman_is_asked_for_its_whole_log_because_it_leaves_out_what_happened_just_now() -> None:
    seen: list[str] = []

    def handle(sock: socket.socket, _: threading.Event) -> None:
        while line := servers.read_request(sock).split(b"\r\n")[0].decode():
            seen.append(line.split()[1])
            told = b'{"Action":"die","timeNano":%d}\n'
            body = told % 999_000_000_000 + told % 1_001_000_000_000 if "stream=false" in line else b""
            head = f"HTTP/1.1 200 OK\r\nServer: Libpod/5.8.6 (linux)\r\nContent-Length: {len(body)}\r\n"
            sock.sendall(f"{head}Date: {formatdate(usegmt=True)}\r\n\r\n".encode() + body)

    with servers.serving(handle) as port:
        engine = Engine(Endpoint(f"tcp://127.0.0.1:{port}", "test"))
        assert [event["timeNano"] / 1e9 for event in engine.events(since=0, until=1000.0)] == [999.0]
        before = len(seen)
        assert [event["timeNano"] / 1e9 for event in engine.events(since=0, until=1000.0)] == [999.0]
    assert "until" not in seen[-1]
    assert len(seen) == before + 1


def test_a_look_is_kept_for_a_while() -> None:
    asked: list[str] = []

    def info() -> dict[str, str]:
        asked.append("info")
        return {"SystemTime": (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)).isoformat()}

    clock = Clock(lambda: "", info)
    assert clock.now() - time.time() == pytest.approx(60, abs=1)
    clock.now()
    assert asked == ["info"]


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_an_engine_that_does_not_say_counts_as_right(date: str) -> None:
    clock = Clock(lambda: date, dict)
    assert clock.now() == pytest.approx(time.time(), abs=0.5)


def test_the_engines_times_are_read_to_the_microsecond() -> None:
    assert moment("1970-01-01T00:01:00.123456789Z") == 60.123456
    assert moment("1970-01-01T00:01:00Z") == 60.0
    assert moment("1970-01-01T01:01:00.5+01:00") == 60.5
    assert moment("0001-01-01T00:00:00Z") == 0.0
    assert moment("") == 0.0
    assert moment("never") == 0.0

"""The stream of events: what a page gets, how it goes on after a break, and that a page that takes nothing is let go."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

from checker.grading.author import wait_until

if TYPE_CHECKING:
    from tests.unit.live.conftest import Live


def listen(live: Live, query: str = "") -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.request("GET", f"/api/v1/events{query}", headers={"Authorization": f"Bearer {live.token}"})
    return connection, connection.getresponse()


def test_an_event_arrives_numbered_and_a_break_is_made_up_for(live: Live) -> None:
    connection, stream = listen(live)
    assert stream.getheader("content-type") == "text/event-stream"
    assert stream.readline() == b": hello\n"
    live.service.hub.publish("check", lab="01", id="a", state="pass")
    stream.readline()
    first = stream.readline().decode().strip()
    assert first == f"id: {live.service.run}-{live.service.hub.seq}"
    assert stream.readline() == b"event: check\n"
    assert json.loads(stream.readline().removeprefix(b"data: "))["state"] == "pass"
    connection.close()
    live.service.hub.publish("check", lab="01", id="b", state="fail")
    connection, stream = listen(live, f"?since={first.removeprefix('id: ')}")
    lines = [stream.readline() for _ in range(5)]
    assert b'"id": "b"' in lines[-1], lines
    connection.close()
    assert wait_until(lambda: not live.service.hub._listeners, 20)


def test_a_page_that_takes_nothing_is_let_go_and_others_hear_at_once(live: Live) -> None:
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", live.port))
    head = [
        "GET /api/v1/events HTTP/1.1",
        f"Host: {live.host}",
        f"Authorization: Bearer {live.token}",
        "",
        "",
    ]
    stuck.sendall("\r\n".join(head).encode())
    hub = live.service.hub
    assert wait_until(lambda: len(hub._listeners) == 1, 20)
    connection, stream = listen(live)
    heard = 0

    def flood() -> bool:
        nonlocal heard
        for _ in range(200):
            hub.publish("hint", lab="01", id="x", text="x" * 2000)
        while not stream.readline().startswith(b"data: "):
            pass
        heard += 1
        return len(hub._listeners) == 1

    assert wait_until(flood, 60)
    assert heard > 3
    connection.close()
    stuck.close()


def test_when_the_service_ends_every_stream_says_so_and_ends(live: Live) -> None:
    streams = [listen(live) for _ in range(3)]
    live.service.hub.end()
    for connection, stream in streams:
        assert b"event: bye" in stream.read()
        connection.close()


def test_a_lab_is_followed_only_while_a_page_shows_it(live: Live) -> None:
    assert not live.service.hub.listened("01")
    connection, stream = listen(live, "?lab=01")
    stream.readline()
    assert live.service.hub.listened("01")
    assert not live.service.hub.listened("03")
    connection.close()
    assert wait_until(lambda: not live.service.hub.listened("01"), 20)

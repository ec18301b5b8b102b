"""The client of the engine against engines that close, hang, flood, babble or refuse."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine import requests as engine_requests
from checker.engine.api import Engine, NotFoundError, RefusedError, UnreadableLogsError
from checker.engine.endpoint import Endpoint
from checker.errors import EngineError
from tests.unit.engine_api import servers
from tests.unit.engine_api.servers import answers, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def engine_at(port: int) -> Engine:
    return Engine(Endpoint(f"tcp://127.0.0.1:{port}", "test"))


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (servers.closes, "stopped answering"),
        (servers.hangs, "timed out"),
        (servers.hangs_in_the_body, "timed out"),
        (servers.babbles, "220 mail"),
        (servers.breaks_off, "IncompleteRead"),
        (servers.no_json, "is not a container engine: Hi"),
        (servers.floods, "more than 1 MiB"),
    ],
)
def test_an_engine_that_misbehaves_is_named_with_what_it_did(
    behaviour: Callable[..., None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_requests, "ANSWER_BYTES", 1 << 20)
    with serving(behaviour) as port, pytest.raises(EngineError) as caught:
        engine_at(port).request("GET", "/info", seconds=0.15)
    assert said in caught.value.what
    assert ("restart the engine" in caught.value.remedy) is (said == "timed out")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("behaviour", "method", "mentions"),
    [(servers.hangs, "GET", 1), (servers.hangs, "POST", 0), (answers(b"{}"), "GET", 0)],
    ids=["it hangs", "what changes something may take its time", "it answers"],
)
def test_a_person_learns_early_that_the_engine_takes_long_to_say_something(
    behaviour: Callable[..., None], method: str, mentions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_requests, "QUIET_SECONDS", 0.1)
    said: list[str] = []
    with serving(behaviour) as port:
        engine = engine_at(port)
        engine.mention = said.append
        with contextlib.suppress(EngineError):
            engine.request(method, "/info", seconds=0.3)
    assert len(said) == mentions
    assert all("has not answered" in each for each in said)


def test_an_engine_that_does_not_listen_is_named() -> None:
    with serving(servers.closes) as port:
        pass
    engine = engine_at(port)
    with pytest.raises(EngineError, match="does not answer"):
        engine.get("/info")
    assert not engine.ping()


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("DOCKER_HOST", "Or unset DOCKER_HOST to use this machine's own engine."),
        ("context far", "Or choose another engine (`docker context use default`, and unset DOCKER_CONTEXT)."),
        ("socket of Docker", "`lab doctor` says more."),
    ],
)
def test_who_chose_an_engine_that_does_not_answer_learns_how_to_choose_another(source: str, way: str) -> None:
    with pytest.raises(EngineError, match="does not answer") as caught:
        Engine(Endpoint("tcp://127.0.0.1:1", source)).get("/info")
    assert caught.value.remedy.endswith(way)


@pytest.mark.parametrize(
    "host", ["unix:///nowhere/docker.sock", "unix:///" + "x" * 200, "tcp://127.0.0.1:99999", "tcp://[::1:1"]
)
def test_an_address_that_leads_nowhere_is_an_error_and_no_traceback(host: str) -> None:
    with pytest.raises(EngineError):
        Engine(Endpoint(host, "test")).get("/info")


def test_a_missing_thing_and_a_refusal_are_told_apart() -> None:
    with serving(answers(b'{"message":"No such container: x"}', b"404 Not Found")) as port:
        with pytest.raises(NotFoundError, match="No such container: x"):
            engine_at(port).inspect("x")
        assert engine_at(port).image("x") is None
    with serving(answers(b'{"message":"busy"}', b"409 Conflict")) as port:
        with pytest.raises(RefusedError, match="busy") as caught:
            engine_at(port).post("/containers/x/start")
        assert caught.value.status == 409


@pytest.mark.parametrize(
    ("status", "body", "said", "way"),
    [
        (b"403 Forbidden", b"<html><body><h1>403 Forbidden</h1>\nby administrative rules.</body></html>", ": 403 Forbidden by", "own socket"),
        (b"403 Forbidden", b'{"message":"authorization denied by plugin hbm"}', ": authorization denied", "own socket"),
        (b"403 Forbidden", b'{"message":"network lab has active endpoints"}', "active endpoints", ""),
        (b"400 Bad Request", b"Client sent an HTTP request to an HTTPS server.", ": Client sent", "DOCKER_TLS_VERIFY"),
        (b"503 Service Unavailable", b"", "no reason given", "wait a moment"),
        (b"503 Service Unavailable", b'{"message":"This node is not a swarm manager."}', ": This node", ""),
    ],
)  # fmt: skip
def test_what_stands_before_the_engine_is_named(status: bytes, body: bytes, said: str, way: str) -> None:
    with serving(answers(body, status)) as port, pytest.raises(RefusedError, match=said) as caught:
        engine_at(port).get("/info")
    assert way in caught.value.remedy
    assert bool(way) == bool(caught.value.remedy)


def test_a_kept_connection_that_the_engine_closed_is_opened_again() -> None:
    with serving(answers(b'{"a": 1}', times=2)) as port:
        engine = engine_at(port)
        assert [engine.get("/info") for _ in range(6)] == [{"a": 1}] * 6


def test_a_request_that_breaks_off_in_the_middle_is_not_sent_twice() -> None:
    requests: list[bytes] = []

    def handle(sock: socket.socket, _: threading.Event) -> None:
        while request := servers.read_request(sock):
            requests.append(request)
            if b"/create" in request:
                sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
                return
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with serving(handle) as port:
        engine = engine_at(port)
        engine.get("/info")
        with pytest.raises(EngineError):
            engine.post("/containers/create", {})
    assert sum(b"/create" in request for request in requests) == 1


def resetting(at: int, *, after: bytes = b"") -> tuple[Callable[..., None], list[bytes]]:
    """Return an engine that resets the connection at its request number `at`, and the requests that it got.

    Args:
        at: which request, from 1; all others are answered.
        after: what it sends of its answer before.
    """
    requests: list[bytes] = []

    def handle(sock: socket.socket, _: threading.Event) -> None:
        while request := servers.read_request(sock):
            requests.append(request)
            if len(requests) == at:
                sock.sendall(after)
                if after:
                    read.wait(10)
                servers.reset(sock)
                return
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    return handle, requests


read = threading.Event()
"""Set when a client has read the head of an answer: a reset before that would take the head with it."""


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("POST", 1)])
def test_a_question_that_a_new_connection_drops_is_asked_once_more(method: str, sent: int) -> None:
    handle, requests = resetting(1)
    with serving(handle) as port:
        if method == "GET":
            assert engine_at(port).request(method, "/info") == {}
        else:
            with pytest.raises(EngineError):
                engine_at(port).request(method, "/info")
    assert len(requests) == sent


def test_a_request_that_a_kept_connection_resets_is_sent_once_more() -> None:
    handle, requests = resetting(2)
    with serving(handle) as port:
        engine = engine_at(port)
        assert [engine.get("/info"), engine.get("/info")] == [{}, {}]
    assert len(requests) == 3


def test_a_request_whose_answer_had_begun_is_not_sent_again_after_a_reset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read.clear()
    read_body = engine_requests._read

    def note(response: Any) -> bytes:
        if response.status == 201:
            read.set()
        return read_body(response)

    monkeypatch.setattr(engine_requests, "_read", note)
    handle, requests = resetting(2, after=b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf")
    with serving(handle) as port:
        engine = engine_at(port)
        engine.get("/info")
        with pytest.raises(EngineError, match="reset by peer"):
            engine.post("/containers/create", {})
    assert sum(b"/create" in request for request in requests) == 1


def test_a_request_on_a_fresh_connection_is_not_sent_again_after_a_reset() -> None:
    handle, requests = resetting(1)
    with serving(handle) as port, pytest.raises(EngineError, match="reset by peer"):
        engine_at(port).post("/containers/create", {})
    assert len(requests) == 1


def test_a_silent_engine_is_given_up_in_time_also_on_a_kept_connection() -> None:
    def handle(sock: socket.socket, over: threading.Event) -> None:
        servers.read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        over.wait(30)

    with serving(handle) as port:
        engine = engine_at(port)
        engine.get("/info")
        start = time.monotonic()
        with pytest.raises(EngineError, match="timed out"):
            engine.request("GET", "/info", seconds=0.2)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (servers.closes, "closed the connection"),
        (servers.babbles, "stopped answering|closed the connection"),
        (answers(b'{"message":"container x is not running"}', b"409 Conflict"), "is not running"),
        (answers(b'{"message":"no such exec"}', b"404 Not Found"), "no such exec"),
    ],
)
def test_a_connection_that_cannot_be_taken_over_says_why(behaviour: Callable[..., None], said: str) -> None:
    with serving(behaviour) as port, pytest.raises(EngineError, match=said):
        engine_at(port).hijack("/exec/x/start", {})


def test_the_reason_of_a_refusal_is_read_to_its_end_when_it_comes_in_pieces() -> None:
    body = b'{"message":"' + b"long " * 4000 + b'the end"}'

    def handle(sock: socket.socket, over: threading.Event) -> None:
        servers.read_request(sock)
        sock.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 5000):
            over.wait(0.01)
            sock.sendall(body[start : start + 5000])

    with serving(handle) as port, pytest.raises(RefusedError, match=r"the end$"):
        engine_at(port).hijack("/exec/x/start", {})


def test_events_come_one_by_one_and_a_lost_engine_ends_them_with_an_error() -> None:
    def handle(sock: socket.socket, over: threading.Event) -> None:
        servers.read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for text in (b'{"Action":"start"}\n', b'{"Action":"die"}\n'):
            sock.sendall(b"%x\r\n%s\r\n" % (len(text), text))
        over.wait(0.05)

    with serving(handle) as port:
        seen = []
        with pytest.raises(EngineError, match="events ended"):
            for event in engine_at(port).events(since=0):
                seen.append(event["Action"])  # noqa: PERF401 - what came before the error counts
    assert seen == ["start", "die"]


def test_an_engine_that_tells_no_events_is_no_event() -> None:
    refuses = answers(b'{"message":"bad filter"}', b"400 Bad Request")
    with serving(refuses) as port, pytest.raises(EngineError, match="bad filter"):
        list(engine_at(port).events(since=0))


def test_queries_are_written_as_the_engine_reads_them() -> None:
    seen: list[bytes] = []

    def handle(sock: socket.socket, _: threading.Event) -> None:
        seen.append(servers.read_request(sock).split(b"\r\n")[0])
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    with serving(handle) as port:
        engine_at(port).list_all("containers", labels={"a": "b", "c": ""})
    assert seen == [
        b"GET /containers/json?filters=%7B%22label%22%3A+%5B%22a%3Db%22%2C+%22c%22%5D%7D&all=true HTTP/1.1"
    ]


def test_logs_that_are_not_kept_are_told_with_the_way_out() -> None:
    refuses = answers(
        b'{"message":"configured logging driver does not support reading"}', b"501 Not Implemented"
    )
    with serving(refuses) as port, pytest.raises(UnreadableLogsError, match="keeps no log") as caught:
        engine_at(port).logs("parcel")
    assert "daemon.json" in caught.value.remedy

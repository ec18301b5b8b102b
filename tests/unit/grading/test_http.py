"""Requests of checks against services that close, hang, drip, flood and babble: they return a reply, in time."""

from __future__ import annotations

import shlex
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from checker.engine.shell import Completed
from checker.grading.http import BODY_BYTES, Outside, Prober, Reply
from tests.unit.engine_api import servers
from tests.unit.engine_api.servers import answers, serving

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable

OUTSIDE = Outside()


def test_an_answer_comes_with_status_body_and_headers() -> None:
    with serving(answers(b'{"a": [1, "\xc3\xa9"]}')) as port:
        reply = OUTSIDE.get(f"http://127.0.0.1:{port}/x?y=1")
    assert reply.ok
    assert reply.status == 200
    assert reply.json() == {"a": [1, "é"]}
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.ms > 0
    assert reply.summary == 'HTTP 200, {"a": [1, "é"]}'


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Oops", b"503 Busy"])
def test_an_error_status_is_an_answer_that_is_not_ok(status: bytes) -> None:
    with serving(answers(b"no", status)) as port:
        reply = OUTSIDE.get(f"http://127.0.0.1:{port}/")
    assert (reply.ok, reply.status, reply.error) == (False, int(status[:3]), "")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (servers.closes, "connection accepted, then closed without an answer"),
        (servers.hangs, "no answer within 0.15 s"),
        (servers.hangs_in_the_body, "no answer within 0.15 s"),
        (servers.drips, "no answer within 0.15 s"),
        (servers.drips_headers, "no answer within 0.15 s"),
        (servers.babbles, "an answer that is not HTTP: 220 mail.example ESMTP"),
    ],
)
def test_a_service_that_misbehaves_is_a_reply_with_a_reason(
    behaviour: Callable[..., None], said: str
) -> None:
    with serving(behaviour) as port:
        start = time.monotonic()
        reply = OUTSIDE.get(f"http://127.0.0.1:{port}/", timeout=0.15)
        assert time.monotonic() - start < 5
    assert (reply.ok, reply.status, reply.error) == (False, 0, said)
    assert reply.summary == said


def test_a_service_that_floods_is_cut_off() -> None:
    with serving(servers.floods) as port:
        reply = OUTSIDE.get(f"http://127.0.0.1:{port}/", timeout=20)
    assert reply.ok
    assert len(reply.body) == BODY_BYTES
    assert len(reply.summary) < 150


def test_nothing_that_listens_is_said() -> None:
    with serving(servers.closes) as port:
        pass
    reply = OUTSIDE.get(f"http://127.0.0.1:{port}/")
    assert reply.error == "connection refused: nothing listens there"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http://127.0.0.1:1/a b", "http://127.0.0.1:1/\n", "http://[/"]
)
def test_an_address_that_is_none_is_a_reply_too(url: str) -> None:
    reply = OUTSIDE.get(url)
    assert not reply.ok
    assert reply.error


def test_patience_tries_again_until_the_service_is_there() -> None:
    requests = []

    def handle(sock: socket.socket, _: threading.Event) -> None:
        requests.append(servers.read_request(sock))
        if len(requests) >= 4:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(handle) as port:
        reply = OUTSIDE.get(f"http://127.0.0.1:{port}/", patience=10)
    assert reply.ok
    assert reply.summary == "HTTP 200, no body"
    assert len(requests) == 4


def test_the_last_answer_is_returned_whether_it_was_accepted_or_not() -> None:
    with serving(answers(b'{"service": "parcel"}')) as port:
        url, wanted = f"http://127.0.0.1:{port}/", [True, False, False]
        assert OUTSIDE.get_until(url, lambda _: wanted.pop(), 30, every=0).is_from("parcel")
        assert not wanted
        assert not OUTSIDE.get_until(url, lambda reply: reply.is_from("tracking"), 0).is_from("tracking")


def test_each_of_many_requests_opens_a_connection_of_its_own() -> None:
    with serving(answers(b"x", times=1)) as port:
        replies = OUTSIDE.many(f"http://127.0.0.1:{port}/", 5)
    assert [reply.text for reply in replies] == ["x"] * 5


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[1"])
def test_a_body_that_is_no_json_is_an_empty_record(body: bytes) -> None:
    assert Reply("u", 200, body).json() == {}


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        (Reply("u", 200, b'{"place": "Depot"}'), {"place": "Depot"}),
        (Reply("u", 500, b'{"place": "Depot"}'), {}),
        (Reply("u", 200, b'["Depot"]'), {}),
        (Reply("u", 200, b"Depot"), {}),
        (Reply("u", error="connection refused"), {}),
    ],
)
def test_only_a_good_answer_that_is_a_json_object_has_fields(reply: Reply, fields: dict[str, str]) -> None:
    assert reply.fields == fields


def test_published_ports_of_an_engine_elsewhere_are_asked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers(b"there")) as port:
        assert Outside("localhost").get(f"http://127.0.0.1:{port}/").text == "there"
    assert "refused" not in Outside("name.invalid").get("http://127.0.0.1:1/").error


class LocalShell:
    """Runs the prober's command here."""

    def run(self, command: str | bytes, seconds: float = 10.0) -> Completed:
        """Run it."""
        text = command.encode(errors="surrogateescape") if isinstance(command, str) else command
        done = subprocess.run(["/bin/sh", "-c", text], capture_output=True, timeout=seconds, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)


class Recorder(LocalShell):
    """Notes the command."""

    said = ""

    def run(self, command: str | bytes, seconds: float = 10.0) -> Completed:  # noqa: ARG002
        """Note it and answer as curl would."""
        self.said = command if isinstance(command, str) else command.decode(errors="surrogateescape")
        return Completed(0, b"body\n200", b"")


def test_the_probers_answer_is_taken_apart_at_its_last_line() -> None:
    reply = Prober(Recorder()).get("http://parcel:8080/")
    assert (reply.status, reply.body) == (200, b"body")


@pytest.mark.parametrize("body", [b"@/etc/passwd", b'it\'s \xff "quoted" $HOME `id`\n', "é".encode()])
def test_what_the_prober_sends_arrives_byte_for_byte(body: bytes) -> None:
    shell = Recorder()
    Prober(shell).post("http://parcel/", body)
    words = shlex.split(shell.said)
    assert words[words.index("--data-raw") + 1].encode(errors="surrogateescape") == body


def test_the_probers_failure_is_a_reply_with_curls_reason() -> None:
    class Failing(LocalShell):
        def run(self, command: str | bytes, seconds: float = 10.0) -> Completed:  # noqa: ARG002
            return Completed(7, b"\n000", b"curl: (7) Failed to connect to parcel port 80\n")

    reply = Prober(Failing()).get("http://parcel/")
    assert reply.error == "Failed to connect to parcel port 80"
    assert not reply.ok

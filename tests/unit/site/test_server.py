"""The server in the background: one at a time, found again, stopped, and never mistaken for another program."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import checker
from checker.errors import LabError
from checker.site import build, serve, server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.course.places import Places


@pytest.fixture(autouse=True)
def _stopped(course: Places) -> Iterator[None]:
    """Leave no server behind."""
    yield
    server.stop(course)


def record(course: Places, **changes: object) -> None:
    file = build.folder(course) / "server.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"pid": 1, "port": 1, "run": "another", **changes}))


def test_it_is_started_answers_and_is_stopped(course: Places) -> None:
    site = server.start(course)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    connection.request("GET", "/")
    assert b"Home" in connection.getresponse().read()
    connection.close()
    assert server.status(course) == site
    assert server.stop(course)
    assert server.status(course) is None


def test_a_second_start_finds_the_first(course: Places) -> None:
    assert server.start(course) == server.start(course)


def test_two_starts_at_once_end_in_one_server(course: Places) -> None:
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(lambda _: server.start(course), range(2))
    assert one == two


def test_new_pages_are_served_by_the_server_that_runs(course: Places) -> None:
    first = server.start(course)
    (course.docs / "new.md").write_text("# New\n")
    assert server.start(course) == first
    assert (course.root / "builds").read_text().count("built") == 2


def test_stopping_what_does_not_run_says_so(course: Places) -> None:
    assert server.stop(course) is False


def test_a_record_that_a_killed_server_left_counts_for_nothing(course: Places) -> None:
    record(course)
    assert server.status(course) is None
    assert server.start(course).pid != 1


def test_a_damaged_record_counts_for_nothing(course: Places) -> None:
    record(course)
    (build.folder(course) / "server.json").write_text('{"pid": 12')
    assert server.status(course) is None
    server.start(course)


def test_another_program_on_the_port_is_neither_ours_nor_ended(course: Places) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"app": "something else", "run": "another"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        # Were it taken for ours, this very process would get the signal.
        record(course, pid=os.getpid(), port=other.server_port)
        assert server.status(course) is None
        assert server.stop(course) is False
        other.shutdown()


def test_the_server_of_another_checkout_is_not_ours(course: Places) -> None:
    with serve.listen(build.folder(course), run="theirs") as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        record(course, port=other.server_port, run="ours")
        assert server.status(course) is None
        other.shutdown()


def test_a_server_that_dies_at_its_start_shows_its_log(
    course: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "__file__", str(course.root / "checker/__init__.py"))
    monkeypatch.setattr(sys, "executable", "/bin/false" if os.name != "nt" else "where.exe")
    with pytest.raises(LabError, match="did not start"):
        server.start(course)

"""The server in the background: one at a time, found again, stopped, and never mistaken for another program."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import json
import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import checker
from checker.bootstrap import ask
from checker.errors import LabError
from checker.live import opening, server
from checker.live import serve as live_serve
from checker.live.record import Record, read, write
from checker.site import build, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.course.places import Places


@pytest.fixture(autouse=True)
def _stopped(course: Places) -> Iterator[None]:
    """Leave no server behind."""
    yield
    server.stop(course)


def record(course: Places, **changes: object) -> None:
    file = server.folder(course) / "server.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {"pid": 1, "port": 1, "run": "another", "key": "k", "socket": "", "code": "", "environment": ""}
    file.write_text(json.dumps({**known, **changes}))


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
    (server.folder(course) / "server.json").write_text('{"pid": 12')
    assert server.status(course) is None
    server.start(course)


def kept(file: Path, own: Record, meanwhile: Callable[[], object]) -> bool:
    """Whether the service of a record goes on after something happened to its record."""

    async def run() -> bool:
        looking = asyncio.create_task(live_serve.keep_record(file, own, every=0.005))
        meanwhile()
        ended, _ = await asyncio.wait([looking], timeout=0.2)
        looking.cancel()
        return not ended

    return asyncio.run(run())


def test_a_service_ends_when_another_has_taken_its_place(tmp_path: Path) -> None:
    own, other = (Record(1, 8000, run, "k", "", "", "") for run in ("own", "other"))
    file = tmp_path / "server.json"
    assert kept(file, own, lambda: write(file, own))
    assert not kept(file, own, lambda: write(file, other))
    assert read(file) == other


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_text('{"pid": 12')])
def test_a_service_writes_its_record_again_when_it_was_deleted_or_damaged(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    own = Record(1, 8000, "own", "k", "", "", "")
    file = tmp_path / "server.json"
    write(file, own)
    assert kept(file, own, lambda: damage(file))
    assert read(file) == own


def test_a_service_ends_when_its_whole_folder_is_gone(tmp_path: Path) -> None:
    assert not kept(tmp_path / "gone/server.json", Record(1, 8000, "own", "k", "", "", ""), lambda: None)


def test_a_service_of_another_version_is_replaced_on_the_same_port_with_the_same_key(
    course: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = server.start(course)
    monkeypatch.setattr(ask, "code_of", lambda _: "another version")
    second = server.start(course)
    assert second.pid != first.pid
    assert (second.port, second.key) == (first.port, first.key)


def test_after_lab_down_an_open_page_is_not_let_in_again(course: Places) -> None:
    first = server.start(course)
    server.stop(course)
    assert server.start(course).key != first.key


def test_nobody_else_can_read_what_a_service_wrote_about_itself(course: Places) -> None:
    server.start(course)
    folder = server.folder(course)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("server.json", "socket", "key", "server.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    listening = Path(json.loads((folder / "server.json").read_text())["socket"])
    assert stat.S_IMODE(listening.stat().st_mode) == 0o600
    assert stat.S_IMODE(listening.parent.stat().st_mode) == 0o700


def test_neither_key_nor_code_is_on_a_command_line(course: Places) -> None:
    site = server.start(course)
    words = Path(f"/proc/{site.pid}/cmdline").read_bytes()
    assert b"checker.live.serve" in words
    assert site.key.encode() not in words
    page = opening.write(course, site.opening(None))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "#c=" in page.read_text()


def test_another_program_on_the_port_is_neither_ours_nor_ended(course: Places) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"app": "drydock", "run": "another", "proof": "00"}')

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

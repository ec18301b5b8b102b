"""The site's server in the background: starts it, finds it, stops it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import checker
from checker import background
from checker.errors import LabError
from checker.scene.locks import locked
from checker.site import build, serve

if TYPE_CHECKING:
    from checker.course.places import Places

_WAIT = 120.0
"""Seconds for another `lab` that starts or stops it."""


class _Record(msgspec.Struct, frozen=True):
    """What a running server wrote about itself."""

    pid: int
    port: int
    run: str


@dataclass(frozen=True, slots=True)
class Site:
    """A running server of the pages."""

    url: str
    """Its home page, ending in a slash."""
    pid: int
    port: int


def _record_file(places: Places) -> Path:
    return build.folder(places) / "server.json"


def _lock_file(places: Places) -> Path:
    return build.folder(places) / "server.lock"


def log_file(places: Places) -> Path:
    """Return the file to which the server writes errors."""
    return build.folder(places) / "server.log"


def _read(places: Places) -> _Record | None:
    try:
        return msgspec.json.decode(_record_file(places).read_bytes(), type=_Record)
    except (OSError, msgspec.DecodeError):
        return None


def _answers(record: _Record) -> bool:
    """Whether the server of the record answers, and not another program on its port."""
    connection = http.client.HTTPConnection("127.0.0.1", record.port, timeout=2)
    try:
        connection.request("GET", "/hello.json")
        hello = json.loads(connection.getresponse().read(4096))
        return isinstance(hello, dict) and (hello.get("app"), hello.get("run")) == (serve.APP, record.run)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def status(places: Places) -> Site | None:
    """Return the running server, or None; the record of a killed server does not count."""
    record = _read(places)
    if record is None or not _answers(record):
        return None
    return Site(f"http://127.0.0.1:{record.port}/", record.pid, record.port)


def start(places: Places) -> Site:
    """Build the pages if they changed, and serve them in the background, if no server is running yet.

    Raises:
        LabError: the pages could not be built, or the server does not answer.
    """
    build.build(places)
    with locked(_lock_file(places), "starting the site", wait=_WAIT):
        if running := status(places):
            return running
        _record_file(places).unlink(missing_ok=True)
        return _launch(places)


def _launch(places: Places) -> Site:
    run = secrets.token_hex(8)
    command = [sys.executable, "-m", "checker.site.serve", str(build.html(places).resolve())]
    command += ["--run", run, "--record", str(_record_file(places).resolve())]
    home = str(Path(checker.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
    record = background.start(
        command,
        folder=Path(home),
        environment=os.environ | {"PYTHONPATH": path},
        log=log_file(places),
        ready=lambda _: _ready(places, run),
    )
    if record is None:
        raise LabError(
            "The course site did not start.",
            remedy="Labs and checks work without it. `mkdocs serve` also shows the pages.",
            detail=background.last_words(log_file(places)),
        )
    return Site(f"http://127.0.0.1:{record.port}/", record.pid, record.port)


def _ready(places: Places, run: str) -> _Record | None:
    record = _read(places)
    return record if record and record.run == run and _answers(record) else None


def stop(places: Places) -> bool:
    """Stop the server; return whether one was running. Another program on its port is left alone.

    Raises:
        LabError: the server does not stop.
    """
    with locked(_lock_file(places), "stopping the site", wait=_WAIT):
        record = _read(places)
        running = record is not None and _answers(record)
        if record is not None and running:
            _end(record, log_file(places))
        _record_file(places).unlink(missing_ok=True)
        return running


def _end(record: _Record, log: Path) -> None:
    with suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    if not background.wait_until_gone(record.pid, log, lambda: _answers(record)):
        raise LabError(
            f"The course site (PID {record.pid}) does not stop.", remedy="End that process yourself."
        )

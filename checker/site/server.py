"""The site's server in the background: starts it, finds it, stops it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import checker
from checker.errors import LabError
from checker.scene.locks import locked
from checker.site import build, serve

if TYPE_CHECKING:
    from checker.course.places import Places

_PATIENCE = 10.0
"""Seconds that a server may take to answer after it started, or to disappear after it was stopped."""
_PAUSE = 0.02
_WINDOWS_FLAGS: int = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)


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
    with locked(_lock_file(places), "starting the site", wait=2 * _PATIENCE):
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
    with log_file(places).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # These let the server outlive this command and its terminal, on Windows and elsewhere.
            creationflags=_WINDOWS_FLAGS,
            start_new_session=sys.platform != "win32",
        )
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if (record := _read(places)) and record.run == run and _answers(record):
            return Site(f"http://127.0.0.1:{record.port}/", record.pid, record.port)
        time.sleep(_PAUSE)
    process.kill()
    raise LabError(
        "The course site did not start.",
        remedy="Labs and checks work without it. `mkdocs serve` also shows the pages.",
        detail=log_file(places).read_text("utf-8", "replace")[-2000:].strip(),
    )


def stop(places: Places) -> bool:
    """Stop the server; return whether one was running. Another program on its port is left alone.

    Raises:
        LabError: the server does not stop.
    """
    with locked(_lock_file(places), "stopping the site", wait=2 * _PATIENCE):
        record = _read(places)
        running = record is not None and _answers(record)
        if record is not None and running:
            _end(record)
        _record_file(places).unlink(missing_ok=True)
        return running


def _end(record: _Record) -> None:
    with suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while _answers(record):
        if time.monotonic() > deadline:
            raise LabError(
                f"The course site (PID {record.pid}) does not stop.", remedy="End that process yourself."
            )
        time.sleep(_PAUSE)

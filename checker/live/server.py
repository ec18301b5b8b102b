"""The service in the background: starts it, finds it, stops it."""

from __future__ import annotations

import hmac
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

import checker
from checker import background, whole
from checker.bootstrap import ask
from checker.course.places import environment_for
from checker.errors import LabError
from checker.live import codes
from checker.live.record import Record, read
from checker.scene.locks import locked
from checker.site import build, pages

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.course.places import Places

_WAIT = 120.0
"""Seconds for another `lab` that starts or stops it."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running service."""

    url: str
    """Its home page, ending in a slash."""
    pid: int
    port: int
    key: str

    def lesson(self, lab: Lab | None) -> str:
        """Return the address of a lesson, or of the home page: to read, without anything that opens the labs."""
        return pages.lesson(self.url, lab) if lab else self.url

    def opening(self, lab: Lab | None) -> str:
        """Return the same address with a code that opens the labs to the page, once, within a minute.

        What stands behind the `#` is not sent to any server.
        """
        return f"{self.lesson(lab)}#c={codes.make_code(self.key)}"


def folder(places: Places) -> Path:
    """Return the folder of everything about the service; nobody else may look into it."""
    return places.state / "live"


def log_file(places: Places) -> Path:
    """Return the file to which the service writes errors."""
    return folder(places) / "server.log"


def _record_file(places: Places) -> Path:
    return folder(places) / "server.json"


def _key_file(places: Places) -> Path:
    return folder(places) / "key"


def _lock_file(places: Places) -> Path:
    return folder(places) / "server.lock"


def _answers(record: Record) -> bool:
    """Whether the service of the record answers, and not another program on its port."""
    connection = http.client.HTTPConnection("127.0.0.1", record.port, timeout=2)
    nonce = secrets.token_hex(8)
    try:
        connection.request("GET", f"/api/v1/hello?nonce={nonce}")
        hello = json.loads(connection.getresponse().read(4096))
        expected = codes.proof(codes.token_of(record.key), nonce, f"127.0.0.1:{record.port}")
        return (
            isinstance(hello, dict)
            and hello.get("run") == record.run
            and hmac.compare_digest(str(hello.get("proof")).encode(), expected.encode())
        )
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def status(places: Places) -> Site | None:
    """Return the running service, or None; the record of a killed one does not count."""
    record = read(_record_file(places))
    return _site(record) if record is not None and _answers(record) else None


def _site(record: Record) -> Site:
    return Site(f"http://127.0.0.1:{record.port}/", record.pid, record.port, record.key)


def _home() -> str:
    return str(Path(checker.__file__).resolve().parent.parent)


def _is_current(record: Record) -> bool:
    """Whether a service runs the code that is here now, in the environment that this command runs in."""
    return record.code == ask.code_of(_home()) and record.environment == ask.environment()


def start(places: Places) -> Site:
    """Build the pages if they changed, and serve them in the background, if no service of this version is running yet.

    Raises:
        LabError: the pages could not be built, or the service does not answer.
    """
    build.build(places)
    folder(places).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder(places).chmod(0o700)
    with locked(_lock_file(places), "starting the site", wait=_WAIT):
        record = read(_record_file(places))
        running = record is not None and _answers(record)
        if record is not None and running:
            if _is_current(record):
                return _site(record)
            # Pages that are open go on with the new one: it takes the same port, and knows the same key.
            _end(record, log_file(places))
        _record_file(places).unlink(missing_ok=True)
        return _launch(places, record.port if record is not None else 0)


def _launch(places: Places, port: int) -> Site:
    run = secrets.token_hex(8)
    command = [sys.executable, "-m", "checker.live.serve", str(build.html(places).resolve())]
    command += ["--run", run, "--record", str(_record_file(places).resolve())]
    command += ["--key", str(_key(places)), "--environment", ask.environment()]
    command += ["--port", str(port)]
    record = background.start(
        command,
        folder=places.home,
        environment=environment_for(places),
        log=log_file(places),
        ready=lambda _: _ready(places, run),
    )
    if record is None and port:
        # Another program has taken the port meanwhile.
        return _launch(places, 0)
    if record is None:
        raise LabError(
            "The course site did not start.",
            remedy="Labs and checks work without it. `mkdocs serve` also shows the pages.",
            detail=background.last_words(log_file(places)),
        )
    return _site(record)


def _key(places: Places) -> Path:
    """Return the file with the key, which lasts until `lab down`: a page that is open goes on with a service that was started again."""
    file = _key_file(places)
    with suppress(OSError):
        if file.read_text("ascii").strip():
            return file
    whole.write_bytes(file, secrets.token_urlsafe(32).encode(), mode=0o600)
    return file


def _ready(places: Places, run: str) -> Record | None:
    record = read(_record_file(places))
    return record if record and record.run == run and _answers(record) else None


def stop(places: Places) -> bool:
    """Stop the service; return whether one was running. Another program on its port is left alone.

    Raises:
        LabError: the service does not stop.
    """
    if not folder(places).is_dir():
        return False
    with locked(_lock_file(places), "stopping the site", wait=_WAIT):
        record = read(_record_file(places))
        running = record is not None and _answers(record)
        if record is not None and running:
            _end(record, log_file(places))
        _record_file(places).unlink(missing_ok=True)
        # No page that is open now is let in again.
        _key_file(places).unlink(missing_ok=True)
        return running


def _end(record: Record, log: Path) -> None:
    with suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    if not background.wait_until_gone(record.pid, log, lambda: _answers(record)):
        raise LabError(
            f"The course site (PID {record.pid}) does not stop.", remedy="End that process yourself."
        )

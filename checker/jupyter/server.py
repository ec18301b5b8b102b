"""JupyterLab in the background: starts one, finds it again, stops it."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import sys
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from checker import background
from checker.course.places import environment_for
from checker.errors import LabError
from checker.scene.locks import locked

if TYPE_CHECKING:
    from checker.course.places import Places

_ANSWER = 5.0
_OTHER_LAUNCHES = 2
_WAIT = 120.0
"""Seconds for another `lab` that starts or stops it."""


class _Record(msgspec.Struct, frozen=True):
    """What a running server wrote about itself."""

    pid: int
    port: int
    token: str
    work: str


@dataclass(frozen=True, slots=True)
class Jupyter:
    """A running JupyterLab."""

    pid: int
    port: int
    token: str
    """Anyone who knows it can run anything as this user."""
    started: bool = False
    """Whether it was started just now."""

    def address(self, below: str = "") -> str:
        """Return the address, token and all, of a file or folder below the work folder; of the home page without."""
        tree = f"/tree/{urllib.parse.quote(below)}" if below else ""
        return f"http://127.0.0.1:{self.port}/lab{tree}?token={self.token}"


def folder(places: Places) -> Path:
    """Return where everything about JupyterLab is kept."""
    return places.state / "jupyter"


def log_file(places: Places) -> Path:
    """Return where the server writes what went wrong."""
    return folder(places) / "server.log"


def _record_file(places: Places) -> Path:
    return folder(places) / "server.json"


def _lock_file(places: Places) -> Path:
    return folder(places) / "server.lock"


def _read(places: Places) -> _Record | None:
    try:
        return msgspec.json.decode(_record_file(places).read_bytes(), type=_Record)
    except (OSError, msgspec.DecodeError):
        return None


def _ask(record: _Record, method: str, path: str) -> tuple[int, bytes]:
    """Ask the server of the record; no other program knows the token.

    Raises:
        OSError, http.client.HTTPException: there is no answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", record.port, timeout=_ANSWER)
    try:
        connection.request(method, path, headers={"Authorization": f"token {record.token}"})
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 16)
    finally:
        connection.close()


def _answers(record: _Record) -> bool:
    """Whether the server of the record, and no other program on its port, answers."""
    try:
        # What answers to everything would answer to a wrong token too.
        stranger = msgspec.structs.replace(record, token="")
        if _ask(stranger, "GET", "/api/status")[0] != http.HTTPStatus.FORBIDDEN:
            return False
        status, body = _ask(record, "GET", "/api/status")
        return status == http.HTTPStatus.OK and "kernels" in json.loads(body)
    except (OSError, http.client.HTTPException, ValueError):
        return False


def status(places: Places) -> Jupyter | None:
    """Return the running JupyterLab, or None; a record that a killed one left behind is ignored."""
    record = _read(places)
    if record is None or not _answers(record):
        return None
    return Jupyter(record.pid, record.port, record.token)


def require_installed() -> None:
    """Make sure that JupyterLab is installed.

    Raises:
        LabError: it is not installed; the message says how to install it.
    """
    lacking = [name for name in ("jupyterlab", "ipykernel") if importlib.util.find_spec(name) is None]
    if lacking:
        raise LabError(
            f"JupyterLab is not installed here ({' and '.join(lacking)} missing).",
            remedy="In a checkout, `./lab notebook` installs it. Otherwise: pip install 'drydock-course[notebook]'.",
        )


def start(places: Places) -> Jupyter:
    """Start JupyterLab on the work folder in the background, unless it is already running.

    Raises:
        LabError: it is not installed, a folder cannot be written, it does not answer, or it runs on another folder.
    """
    require_installed()
    _make(places.work, "DRYDOCK_WORK")
    _make(folder(places), "DRYDOCK_STATE")
    with locked(_lock_file(places), "starting JupyterLab", wait=_WAIT):
        record = _read(places)
        if record is not None and _answers(record):
            if Path(record.work) != places.work.resolve():
                raise LabError(
                    f"JupyterLab is already running, on another work folder ({record.work}).",
                    remedy="Stop it with `lab notebook --stop`, and try again.",
                )
            return Jupyter(record.pid, record.port, record.token)
        _record_file(places).unlink(missing_ok=True)
        return _launch_on_a_port(places)


def _launch_on_a_port(places: Places) -> Jupyter:
    """Launch it; try again if another program took the port after it was chosen."""
    for _ in range(_OTHER_LAUNCHES):
        try:
            return _launch(places)
        except LabError as error:
            if "already in use" not in error.detail:
                raise
    return _launch(places)


def _make(path: Path, variable: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".drydock-{os.getpid()}"
        # Permission bits tell nothing about a read-only file system, nor to root.
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise LabError(
            f"{path} cannot be written: {error.strerror or error}.",
            remedy=f"Free disk space or allow writing there, or set {variable} to another folder.",
        ) from error


def _launch(places: Places) -> Jupyter:
    command = [sys.executable, "-P", "-m", "checker.jupyter.serve", str(places.work)]
    command += ["--folders", str(folder(places)), "--record", str(_record_file(places))]
    found = None
    try:
        found = background.start(
            command,
            folder=places.work,
            environment=environment_for(places),
            log=log_file(places),
            ready=lambda pid: _ready(places, pid),
        )
    finally:
        if found is None:
            _record_file(places).unlink(missing_ok=True)
    if found is None:
        raise LabError(
            "JupyterLab did not start.",
            remedy="Run `lab doctor`: it examines the machine. Labs and checks work without notebooks.",
            detail=background.last_words(log_file(places)),
        )
    return Jupyter(found.pid, found.port, found.token, started=True)


def _ready(places: Places, pid: int) -> _Record | None:
    record = _read(places)
    return record if record and record.pid == pid and _answers(record) else None


def stop(places: Places) -> bool:
    """Stop JupyterLab and its kernels; return whether one was running. Another program on its port is left alone.

    Raises:
        LabError: it does not end.
    """
    if not _record_file(places).exists():
        return False
    with locked(_lock_file(places), "stopping JupyterLab", wait=_WAIT):
        record = _read(places)
        running = record is not None and _answers(record)
        if record is not None and running:
            _end(record, log_file(places))
        _record_file(places).unlink(missing_ok=True)
        return running


def _end(record: _Record, log: Path) -> None:
    # It saves nothing, but it ends its kernels, which a signal to a process on Windows would not.
    with contextlib.suppress(OSError, http.client.HTTPException):
        _ask(record, "POST", "/api/shutdown")
    if not background.wait_until_gone(record.pid, log, lambda: _runs(record)):
        with contextlib.suppress(OSError):
            os.kill(record.pid, signal.SIGTERM)
        raise LabError(
            f"JupyterLab (process {record.pid}) does not end.", remedy="End that process yourself."
        )


def _runs(record: _Record) -> bool:
    """Whether its process is there; on Windows, where that cannot be asked without ending it, whether it answers."""
    if sys.platform == "win32":
        return _answers(record)
    with contextlib.suppress(ChildProcessError):
        # It is a child of this process where the same one started it, as tests do.
        if os.waitpid(record.pid, os.WNOHANG)[0]:
            return False
    try:
        os.kill(record.pid, 0)
    except OSError:
        return False
    return True

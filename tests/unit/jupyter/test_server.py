"""JupyterLab's record and settings, without a JupyterLab: what counts as running, what is told to whom."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker import background
from checker.errors import LabError
from checker.jupyter import room, serve, server, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.course.places import Places

TOKEN = "the-right-one"  # noqa: S105 - of the tests


class Other(http.server.BaseHTTPRequestHandler):
    """A program on the port: asks for the token, for another, or for none."""

    wanted: str | None = TOKEN
    body = b'{"kernels": 0}'

    def do_GET(self) -> None:
        """Answer as a Jupyter server does."""
        said = self.headers.get("Authorization", "").removeprefix("token ")
        self.send_response(200 if self.wanted is None or said == self.wanted else 403)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def on_a_port(wanted: str | None, body: bytes = b'{"kernels": 0}') -> Iterator[int]:
    handler = type("Handler", (Other,), {"wanted": wanted, "body": body})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield other.server_address[1]
        other.shutdown()


def record(places: Places, port: int, *, pid: int = 4242) -> Path:
    file = server.folder(places) / "server.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    serve.write_record(file, pid=pid, port=port, token=TOKEN, work=str(places.work.resolve()))
    return file


def test_a_record_is_for_this_user_alone(places: Places) -> None:
    file = record(places, 8888)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    record(places, 8889)
    assert json.loads(file.read_text())["port"] == 8889
    assert [path.name for path in file.parent.iterdir()] == ["server.json"]


def test_the_server_of_the_record_is_found_by_its_token(places: Places) -> None:
    with on_a_port(TOKEN) as port:
        record(places, port)
        found = server.status(places)
        assert found is not None
        assert (found.pid, found.port, found.started) == (4242, port, False)
        assert (
            found.address("notebooks/04 a.ipynb")
            == f"http://127.0.0.1:{port}/lab/tree/notebooks/04%20a.ipynb?token={TOKEN}"
        )
        assert found.address() == f"http://127.0.0.1:{port}/lab?token={TOKEN}"


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        pytest.param("another", b'{"kernels": 0}', id="a Jupyter with another token"),
        pytest.param(None, b'{"kernels": 0}', id="a Jupyter that asks for no token"),
        pytest.param(TOKEN, b"<html>", id="a page"),
        pytest.param(TOKEN, b"{}", id="another JSON"),
    ],
)
def test_another_program_on_the_port_of_the_record_is_not_taken_for_it(
    places: Places, wanted: str | None, body: bytes
) -> None:
    with on_a_port(wanted, body) as port:
        file = record(places, port)
        assert server.status(places) is None
        assert server.stop(places) is False
    assert not file.exists()


def test_a_record_that_a_killed_one_left_counts_for_nothing(places: Places) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        file = record(places, free.getsockname()[1])
    assert server.status(places) is None
    file.write_text("{ half")
    assert server.status(places) is None
    assert server.stop(places) is False


def test_stopping_what_never_ran_writes_nothing(places: Places) -> None:
    assert server.stop(places) is False
    assert not places.state.exists()


def test_one_that_runs_on_another_work_folder_is_told(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "require_installed", lambda: None)
    with on_a_port(TOKEN) as port:
        record(places, port)
        monkeypatch.setenv("DRYDOCK_WORK", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("DRYDOCK_STATE", str(places.home / ".lab"))
        with pytest.raises(LabError, match="on another work folder") as caught:
            server.start(places)
    assert "lab notebook --stop" in caught.value.remedy


def test_without_jupyterlab_it_is_told_how_to_install_it(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LabError, match="JupyterLab is not installed here") as caught:
        server.start(places)
    assert "drydock-course[notebook]" in caught.value.remedy
    assert not places.work.exists()


@pytest.mark.parametrize("variable", ["DRYDOCK_WORK", "DRYDOCK_STATE"])
def test_a_folder_that_cannot_be_written_is_told_with_the_variable_that_moves_it(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(server, "require_installed", lambda: None)
    monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    with pytest.raises(LabError, match="cannot be written") as caught:
        server.start(places)
    assert variable in caught.value.remedy


def dying(places: Places, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let another program be started in the place of the server."""
    monkeypatch.setattr(server, "require_installed", lambda: None)
    real = subprocess.Popen

    def popen(_command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", code], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", popen)


def test_one_that_ends_at_once_is_told_with_its_last_words(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying(places, monkeypatch, "raise SystemExit('no module named tornado')")
    with pytest.raises(LabError, match="JupyterLab did not start") as caught:
        server.start(places)
    assert "no module named tornado" in caught.value.detail
    assert stat.S_IMODE(server.log_file(places).stat().st_mode) == 0o600


def test_one_that_gives_no_sign_of_life_is_given_up_and_ended(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    dying(
        places,
        monkeypatch,
        f"import os, signal, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); signal.pause()",
    )
    monkeypatch.setattr(background, "SILENCE_SECONDS", 1.0)
    with pytest.raises(LabError, match="JupyterLab did not start"):
        server.start(places)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_one_whose_port_was_taken_at_the_last_moment_is_launched_again(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[int] = []

    def launch(_places: Places) -> server.Jupyter:
        launched.append(1)
        if len(launched) < 3:
            raise LabError("JupyterLab did not start.", detail="The port 8889 is already in use.")
        return server.Jupyter(1, 8890, TOKEN, started=True)

    monkeypatch.setattr(server, "_launch", launch)
    assert server.start(places).port == 8890
    assert len(launched) == 3
    launched[:] = []
    monkeypatch.setattr(server, "_OTHER_LAUNCHES", 1)
    with pytest.raises(LabError, match="did not start"):
        server.start(places)


def test_a_port_that_is_asked_for_is_the_only_one(tmp_path: Path) -> None:
    def told(port: int) -> tuple[int, int]:
        made = settings.server_settings(settings.Folders(tmp_path), tmp_path, TOKEN, "127.0.0.1", port)
        return made["ServerApp"]["port"], made["ServerApp"]["port_retries"]

    assert told(9000) == (9000, 0)
    assert told(0) == (8888, settings.OTHER_PORTS)


def test_a_persons_own_jupyter_is_neither_used_nor_changed(tmp_path: Path) -> None:
    theirs = {
        "JUPYTER_CONFIG_DIR": "/home/z/.jupyter",
        "JUPYTER_PATH": "/home/z/share",
        "JUPYTER_CONFIG_PATH": "/home/z/etc",
        "JUPYTER_TOKEN": "hers",
        "JUPYTERLAB_SETTINGS_DIR": "/home/z/settings",
        "JUPYTERLAB_DIR": "/home/z/lab",
        "IPYTHONDIR": "/home/z/.ipython",
        "MPLCONFIGDIR": "/home/z/mpl",
        "PATH": "/bin",
    }
    made = settings.Folders(tmp_path).environment(theirs)
    assert made["PATH"] == "/bin"
    assert not [value for value in made.values() if value.startswith("/home/z") or value == "hers"]
    folders = {value for name, value in made.items() if name.endswith("DIR")}
    assert all(Path(value).parent == tmp_path for value in folders)


def test_the_folders_are_for_this_user_alone_and_written_once(tmp_path: Path) -> None:
    folders = settings.Folders(tmp_path / "jupyter")
    folders.write()
    assert stat.S_IMODE(folders.root.stat().st_mode) == 0o700
    (spec,) = folders.data.rglob("kernel.json")
    kernel = json.loads(spec.read_text())
    assert spec.parent.name == "python3"
    assert kernel["argv"][0] == sys.executable
    assert kernel["display_name"] == "Drydock (Python {}.{})".format(*sys.version_info)
    before = spec.stat().st_mtime_ns
    folders.write()
    assert spec.stat().st_mtime_ns == before


def schemas() -> Path:
    return Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"


def test_every_setting_that_is_overridden_is_one_of_this_jupyterlab() -> None:
    assert settings.OVERRIDES
    for plugin, values in settings.OVERRIDES.items():
        package, _, name = plugin.partition(":")
        known = json.loads((schemas() / package / f"{name}.json").read_text("utf-8"))["properties"]
        assert set(values) <= set(known), plugin


def test_the_server_is_told_to_be_quiet_and_closed(tmp_path: Path) -> None:
    made = settings.server_settings(settings.Folders(tmp_path), tmp_path, TOKEN, "127.0.0.1", 8888)
    assert made["LabApp"]["news_url"] is None
    assert made["LabApp"]["extension_manager"] == "readonly"
    assert not made["ServerApp"]["terminals_enabled"]
    assert made["MappingKernelManager"]["cull_idle_timeout"] > 2 * 24 * 3600
    assert "http" not in settings.POLICY
    assert "*" not in settings.POLICY


def test_a_rooms_server_becomes_the_owner_of_the_course_and_may_use_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = tmp_path / "course"
    course.mkdir()
    file = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(file))
        file.chmod(0o660)
        owner = course.stat()
        assert room.identity(course, file) == (owner.st_uid, owner.st_gid, [file.stat().st_gid])
        file.chmod(0o600)
        assert room.identity(course, file)[2] == []
    assert room.identity(course, tmp_path / "none")[2] == []

    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: calls.append((name, value)))
    monkeypatch.setattr(room, "identity", lambda *_: (1000, 1001, [998]))
    room.become_owner(course, file)
    assert calls == [("setgroups", [998]), ("setgid", 1001), ("setuid", 1000)]
    calls.clear()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    room.become_owner(course, file)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(room, "identity", lambda *_: (0, 0, [0]))
    room.become_owner(course, file)
    assert calls == []


def test_a_rooms_server_finds_the_socket_by_the_engines_variable() -> None:
    assert room.socket_of({}) == Path("/var/run/docker.sock")
    assert room.socket_of({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}) == Path(
        "/run/user/1000/docker.sock"
    )

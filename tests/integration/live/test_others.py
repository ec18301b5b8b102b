"""T8: another user of this machine gets nothing from the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.live import server
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.course.places import Places

NOBODY = 65534
SPY = """
import errno, json, os, socket, sys, urllib.request
"".encode("idna")  # read while this is still allowed
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
said = {{}}
for name, path in json.loads({paths!r}).items():
    try:
        open(path).read()
        said[name] = "read"
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
try:
    socket.socket(socket.AF_UNIX).connect({socket!r})
    said["socket"] = "connected"
except OSError as error:
    said["socket"] = errno.errorcode[error.errno]
try:
    said["api"] = urllib.request.urlopen("http://127.0.0.1:{port}/api/v1/state", timeout=5).status
except urllib.error.HTTPError as error:
    said["api"] = error.code
words = b""
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words += open(f"/proc/{{pid}}/cmdline", "rb").read()
    except OSError:
        pass
said["ps"] = {key!r}.encode() in words or b"#c=" in words
print(json.dumps(said))
"""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """The course, with a state of its own."""
    from checker.course.places import find

    monkeypatch.setenv("DRYDOCK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRYDOCK_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("DRYDOCK_COURSE", str(ROOT))
    # Everybody may come as far as the state's own folder.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.owner() == tmp_path.owner() and folder != Path("/tmp"):  # noqa: S108
            folder.chmod(0o755)
    found = find()
    yield found
    server.stop(found)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="becoming another user needs root")
def test_t8_another_user_reads_nothing_and_asks_nothing(places: Places) -> None:
    site = server.start(places)
    record = json.loads((places.state / "live/server.json").read_text())
    files = {name: str(places.state / "live" / name) for name in ("server.json", "key", "server.log")}
    spy = SPY.format(
        uid=NOBODY, paths=json.dumps(files), socket=record["socket"], port=site.port, key=site.key
    )
    done = subprocess.run(
        # Not on its command line, where it would find itself.
        [sys.executable, "-I", "-"],
        input=spy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "server.json": "EACCES",
        "key": "EACCES",
        "server.log": "EACCES",
        "socket": "EACCES",
        "api": 401,
        "ps": False,
    }

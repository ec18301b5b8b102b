"""What the doctor says of settings of a real dockerd that learners have in their daemon.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.places import Places
from checker.doctor import network
from checker.doctor.finding import Mark
from checker.doctor.machine import look
from checker.engine.platform import Platform
from checker.provision.daemon import Daemon
from tests.integration.second_engine import needs_dockerd

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_dockerd


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--bridge=none",), '"bridge": "none"'),
        (("--bip=10.99.9.1/30",), "`bip`"),
        (("--ip=192.168.7.1", "--bip=10.99.9.1/24"), "`ip`"),
        (("--bip=10.99.9.1/24",), ""),
    ],
)
def test_what_containers_get_that_name_no_network(
    daemon: Daemon, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    kept = tuple(each for each in daemon.options if each != "--bridge=none")
    started = Daemon(
        daemon.folder, daemon.socket, daemon.pid_file, daemon.exec_root, "", options=(*kept, *options)
    )
    started.start(lambda _line: None)
    environ = {"DOCKER_HOST": f"unix://{daemon.socket}"}
    (tmp_path / "labs").mkdir()
    (seen,) = network.default_network(look(Platform(environ=environ), Places(tmp_path, tmp_path)))
    assert seen.mark is (Mark.PROBLEM if words else Mark.FINE)
    assert words in seen.remedy

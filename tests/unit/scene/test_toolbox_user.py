"""Who the toolbox works as."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from checker.scene.toolbox import toolbox_user

if TYPE_CHECKING:
    from pathlib import Path

ROOT = ("0:0", "0", "/root")


@pytest.mark.skipif(sys.platform == "win32", reason="users have numbers on POSIX alone")
def test_a_persons_own_engine_maps_root_to_them_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "docker.sock"
    socket.touch()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    if socket.stat().st_uid == 0:
        os.chown(socket, 1000, 1000)
    assert toolbox_user(f"unix://{socket}") == ROOT


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root makes a socket of root's")
def test_with_a_system_engine_the_toolbox_is_the_person_with_the_sockets_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "docker.sock"
    socket.touch()
    os.chown(socket, 0, 105)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("geteuid", "getuid", "getgid"):
        monkeypatch.setattr(os, name, lambda: 1000)
    assert toolbox_user(f"unix://{socket}") == ("1000:1000", "105", "/tmp")  # noqa: S108


def test_elsewhere_than_on_linux_it_is_root_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert toolbox_user("unix:///var/run/docker.sock") == ROOT

"""What counts as a change of the image's files, and what every container has by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checker.engine.api import NotFoundError
from checker.grading import edits

KINDS = {"C": 0, "A": 1, "D": 2}


def changed(*lines: str, mounts: tuple[str, ...] = ()) -> list[str]:
    entries = [{"Kind": KINDS[line[0]], "Path": line[2:]} for line in lines]
    engine: Any = SimpleNamespace(get=lambda _: entries)
    container: Any = SimpleNamespace(id="c", mounts=[{"Destination": mount} for mount in mounts])
    return edits.changed(engine, container)


@pytest.mark.parametrize(
    "line",
    [
        "C /app/parcel.py",
        "C /usr/lib/python3.13/json/__init__.py",
        "A /usr/lib/python3/dist-packages/sitecustomize.py",
        "D /usr/bin/python3",
        "C /etc/passwd",
        "D /etc",
        "C /app/__pycache__/parcel.cpython-313.pyc",
        "A /var/lib/parcel/.local/lib/python3.13/site-packages/usercustomize.py",
    ],
)
def test_a_change_of_a_program_or_of_what_it_loads_is_told(line: str) -> None:
    assert changed(line, "C /var", "A /var/lib/parcel/counter") == [line]


@pytest.mark.parametrize(
    "lines",
    [
        ("C /var", "C /var/lib", "A /var/lib/parcel/counter"),
        ("C /tmp", "A /tmp/note"),
        ("C /usr", "C /usr/lib", "A /usr/lib/python3.13/json/__pycache__/x.pyc"),
        ("C /usr", "C /usr/sbin", "A /usr/sbin/docker-init"),
        ("C /root", "A /root/.bash_history"),
        ("C /etc",),
        (),
    ],
)
def test_what_a_container_writes_by_itself_is_no_edit(lines: tuple[str, ...]) -> None:
    assert not changed(*lines)


def test_the_place_of_a_mount_is_no_edit() -> None:
    assert not changed("C /opt", "A /opt/data", mounts=("/opt/data",))


def test_a_mount_over_a_program_is_told_and_one_beside_it_is_not() -> None:
    container: Any = SimpleNamespace(
        mounts=[
            {"Destination": "/app/parcel.py", "Source": "/home/me/parcel.py"},
            {"Destination": "/usr", "Name": "mine"},
            {"Destination": "/var/lib/parcel", "Name": "data"},
            {"Destination": "/etc/python3.13/sitecustomize.py", "Name": "hook"},
            {"Destination": "/etc/ld.so.preload", "Name": "list"},
            {"Destination": "/etc/passwd", "Source": "/home/me/passwd"},
            {"Destination": "/root/.local", "Name": "packages"},
            {"Destination": "/root/.local/share", "Name": "files"},
            {"Destination": "/etc/localtime", "Source": "/etc/localtime"},
            {"Destination": "/etc/hosts", "Source": "/run/hosts"},
        ]
    )
    assert edits.mounted_over(container) == [
        "/app/parcel.py is mounted from /home/me/parcel.py",
        "/usr is mounted from mine",
        "/etc/python3.13/sitecustomize.py is mounted from hook",
        "/etc/ld.so.preload is mounted from list",
        "/etc/passwd is mounted from /home/me/passwd",
        "/root/.local is mounted from packages",
    ]


def test_packages_in_a_mounted_home_are_told() -> None:
    def request(_method: str, _path: str, *, query: dict[str, str], **_: object) -> None:
        if not query["path"].startswith("/home/me"):
            raise NotFoundError("no such file")

    engine: Any = SimpleNamespace(request=request)
    mounts = [{"Destination": "/home/me", "Name": "home"}, {"Destination": "/var/lib/parcel", "Name": "data"}]
    container: Any = SimpleNamespace(id="c", mounts=mounts)
    assert edits.at_home(engine, container) == ["/home/me/.local/lib is mounted from home"]


def test_a_variable_that_loads_other_code_is_told_unless_the_image_has_it() -> None:
    container: Any = SimpleNamespace(
        attrs={"Config": {"Env": ["PYTHONPATH=/srv", "PARCEL_INSTANCE=north", "LD_PRELOAD=/x.so"]}}
    )
    assert edits.loads_other_code(container, ["PYTHONPATH=/srv"]) == ["LD_PRELOAD=/x.so"]

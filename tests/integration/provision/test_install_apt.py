"""The recipe for this machine's packages, gone through by apt itself without installing anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from checker.engine.platform import Platform
from checker.provision import apt, install

RELEASE = install.read_release(Platform())
pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None or os.geteuid() != 0 or RELEASE.codename != install.BACKPORTED,
    reason="borrowing packages is for Debian 12, and apt wants root",
)
TIMES = [
    Path("/etc/apt"),
    *Path("/etc/apt").rglob("*"),
    Path("/var/lib/apt/lists"),
    Path("/var/lib/dpkg/status"),
]


def test_only_the_engines_packages_come_from_the_next_release_and_nothing_of_the_users_changes() -> None:
    before = [path.stat().st_mtime_ns for path in TIMES]
    plan = install.make_plan(Platform(), lambda _names: set())
    assert plan is not None
    with install.apt_options(Platform(), plan) as options:
        apt.run(["apt-get", *options, "update"], root=True, progress=lambda _line: None)
        # As on a machine where not one package is installed.
        simulate = [
            "-o",
            "Dir::State::status=/dev/null",
            "--simulate",
            "--no-install-recommends",
            "--no-remove",
        ]
        done = subprocess.run(
            ["apt-get", *options, *simulate, "install", *plan.packages],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    versions = re.findall(r"^Inst (\S+) \((\S+) ([^\[]*)", done.stdout, flags=re.MULTILINE)
    from_next = {name for name, _, archive in versions if ":12" not in archive}
    assert from_next == {*install.DEBIAN}
    assert {"containerd", "runc"} <= {name for name, *_ in versions}
    assert [path.stat().st_mtime_ns for path in TIMES] == before

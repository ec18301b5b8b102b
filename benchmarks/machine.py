"""The facts without which a number says nothing: machine, engine, versions, and how busy it is."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib.metadata import version
from typing import TYPE_CHECKING

from checker.engine.api import connect
from checker.engine.client import find_client
from checker.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


def facts(root: Path) -> list[str]:
    """Return the lines above the tables."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    lines = [
        f"Drydock {_commit(root)}, {dt.datetime.now().astimezone().isoformat(timespec='minutes')}",
        f"{platform.platform()}, {os.cpu_count()} CPUs, load {load} at the beginning",
        f"Python {platform.python_version()}, pytest {version('pytest')}, testinfra {version('pytest-testinfra')}",
    ]
    try:
        engine = connect()
        info = engine.get("/info")
        client = find_client(engine.endpoint)
        lines.append(
            f"engine {info['ServerVersion']} on {info['OperatingSystem']}, {info['NCPU']} CPUs, "
            f"{info['MemTotal'] / 1e9:.1f} GB, {info['Driver']}, cgroup v{info.get('CgroupVersion', '1')}; "
            f"docker {client.version}, Compose {client.compose}"
        )
    except LabError as error:
        lines.append(f"no engine: {error.what}")
    return lines


def _commit(root: Path) -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "(not from git)"
    return done.stdout.strip() or "(not from git)"

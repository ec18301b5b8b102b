"""Pip on Debian, whose Python comes without it: installed from the system's packages, or a sentence that says how."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from checker.bootstrap.say import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.bootstrap.say import Steps

SECONDS = 600.0
LOCK_SECONDS = 300
LOG_LINES = 8


def package() -> str:
    """Return the package that completes this Python."""
    return "python{}.{}-venv".format(*sys.version_info[:2])


def remedy() -> str:
    """Say how the missing part is installed by hand."""
    if _is_of_debian():
        return f"Install it (`sudo apt-get update && sudo apt-get install {package()}`), and run the same command again."
    return f"Install pip for {sys.executable} (your system's package manager has it), and run the same command again."


def install_pip(arguments: Sequence[str], steps: Steps) -> bool:
    """Install Debian's package with pip for environments, where we may; return whether that was done."""
    if not _is_of_debian() or "--no-install" in arguments:
        return False
    root = os.geteuid() == 0
    if not root and not (shutil.which("sudo") and _agrees(arguments)):
        return False
    steps.begin(
        f"Installing {package()} from this system's packages, which Python needs to make an environment"
    )
    prefix = [] if root else ["sudo", "--", "env", "DEBIAN_FRONTEND=noninteractive"]
    apt = [*prefix, "apt-get", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "--yes", "-qq"]
    # An update that fails for one archive of many may not matter: the installation shows it.
    _run([*apt, "update"])
    failure = _run([*apt, "install", "--no-install-recommends", package()])
    if failure:
        raise ProblemError(f"{package()} could not be installed.", remedy(), failure)
    return True


def _is_of_debian() -> bool:
    return shutil.which("apt-get") is not None and Path(sys.base_prefix) == Path("/usr")


def _agrees(arguments: Sequence[str]) -> bool:
    """Ask on the terminal; without one, the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    if "--yes" in arguments:
        return True
    print(
        f"Python needs the package {package()}. Install it now, with sudo? [Y/n] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _run(command: Sequence[str]) -> str:
    """Run a command; return nothing, or its last lines when it failed."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (
        "\n".join(done.stdout.splitlines()[-LOG_LINES:]) or "It printed nothing." if done.returncode else ""
    )

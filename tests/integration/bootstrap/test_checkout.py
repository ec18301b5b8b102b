"""The real `lab` in copies of the checkout, with real environments and pip, and a small package from no network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3]
SECONDS = 120
FACTS = """
import json, os, sys, parcel
facts = {"arguments": sys.argv[1:], "prefix": sys.prefix, "version": parcel.version, "dont_write": sys.dont_write_bytecode}
print(json.dumps(facts))
"""


def make_wheel(folder: Path, version: str) -> str:
    """Write the wheel of a package with one module; return its line for a lock."""
    folder.mkdir(exist_ok=True)
    name = f"parcel-{version}"
    files = {
        "parcel.py": f"version = {version!r}\n",
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: parcel\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {file: hashlib.sha256(text.encode()).digest() for file, text in files.items()}
    lines = [
        f"{file},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{len(files[file])}\n"
        for file, digest in digests.items()
    ]
    files[f"{name}.dist-info/RECORD"] = "".join(lines) + f"{name}.dist-info/RECORD,,\n"
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return f"parcel=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@dataclass
class Checkout:
    """A copy of the checkout whose lock names one package, and whose command prints what it was given."""

    root: Path
    wheels: Path

    @property
    def environ(self) -> dict[str, str]:
        """An environment in which pip has the wheels and nothing else, and settings that must not matter."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "DRYDOCK_"))
        }
        found = {
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
            "PIP_TARGET": "/nowhere",
            "PIP_USER": "1",
        }
        return {**kept, **found, "PYTHONDONTWRITEBYTECODE": "1", "PIP_CONFIG_FILE": os.devnull}

    def command(self, *arguments: str) -> list[str]:
        """Return the command line, with the Python of the tests."""
        return [sys.executable, str(self.root / "lab"), *arguments]

    def lab(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `lab` from another folder."""
        return subprocess.run(
            self.command(*arguments),
            env={**self.environ, **environ},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def lock(self, version: str) -> None:
        """Lock the package at a version."""
        (self.root / "requirements" / "run.txt").write_text(make_wheel(self.wheels, version))


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the command printed about itself."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "my course é"
    (root / "requirements").mkdir(parents=True)
    shutil.copy(SOURCE / "lab", root / "lab")
    shutil.copytree(SOURCE / "checker" / "bootstrap", root / "checker" / "bootstrap")
    (root / "checker" / "__init__.py").touch()
    (root / "checker" / "__main__.py").write_text(FACTS)
    made = Checkout(root, tmp_path / "wheels")
    made.lock("1.0")
    return made


def test_a_fresh_checkout_in_a_path_with_spaces_runs_and_the_second_start_says_nothing(
    checkout: Checkout,
) -> None:
    first = checkout.lab("check", "3", "a b")
    assert facts(first)["arguments"] == ["check", "3", "a b"]
    assert facts(first)["prefix"] == str(checkout.root / ".venv")
    assert "Making the Python environment" in first.stderr
    second = checkout.lab("list")
    assert facts(second)["arguments"] == ["list"]
    assert second.stderr == ""
    assert not facts(second)["dont_write"], "compiled modules must be kept for the next start"


def test_a_new_lock_updates_a_moved_checkout_rebuilds_and_both_run(checkout: Checkout) -> None:
    checkout.lab("list")
    checkout.lock("2.0")
    assert facts(checkout.lab("list"))["version"] == "2.0"
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    moved = facts(checkout.lab("list"))
    assert (moved["version"], moved["prefix"]) == ("2.0", str(checkout.root / ".venv"))


def test_a_package_with_another_hash_is_refused(checkout: Checkout) -> None:
    make_wheel(checkout.wheels, "1.0")
    lock = checkout.root / "requirements" / "run.txt"
    lock.write_text(f"parcel==1.0 --hash=sha256:{'0' * 64}\n")
    done = checkout.lab("list")
    assert done.returncode == 3
    assert "could not be installed" in done.stderr
    assert "is not the one that this course was tested with" in done.stderr
    assert done.stdout == ""


def test_a_package_that_cannot_be_fetched_says_what_to_check_and_the_next_run_goes_on(
    checkout: Checkout,
) -> None:
    done = checkout.lab("list", PIP_FIND_LINKS="")
    assert done.returncode == 3
    assert "Check the network, the proxy and pip's index" in done.stderr
    assert facts(checkout.lab("list"))["version"] == "1.0"


def test_two_at_once_both_run_and_one_says_that_it_waits(checkout: Checkout) -> None:
    both = [
        subprocess.Popen(
            checkout.command("list"),
            env=checkout.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    said = sorted(error for _, error in ends)
    # The one that waits may come between the other's lock and its writing down who it is.
    assert said[0].startswith(("Another lab (process ", "Another lab is preparing"))
    assert said[1].startswith("Making the Python environment")
    assert "Making" not in said[0]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_start_is_taken_up_by_the_next(checkout: Checkout, signum: signal.Signals) -> None:
    process = subprocess.Popen(
        checkout.command("list"),
        env=checkout.environ,
        stderr=subprocess.PIPE,
        text=True,
        # As at a terminal, where Ctrl-C goes to all of the group.
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "Making" in process.stderr.readline()
    assert "Installing" in process.stderr.readline()
    if signum is signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, signum)
    process.communicate(timeout=SECONDS)
    assert process.returncode == (130 if signum is signal.SIGINT else -signum)
    assert (checkout.root / ".venv" / "unfinished").exists()
    assert facts(checkout.lab("list"))["version"] == "1.0"


UNSHARE = shutil.which("unshare")
isolated = pytest.mark.skipif(
    UNSHARE is None
    or os.geteuid() != 0
    or subprocess.run([UNSHARE, "-m", "true"], check=False).returncode != 0,
    reason="needs a mount namespace of its own",
)


def inside(
    checkout: Checkout, mounts: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run `lab` where the file system has been changed for it alone."""
    script = f'set -e; {mounts}; exec "$@"'
    return subprocess.run(
        [str(UNSHARE), "-m", "/bin/sh", "-c", script, "sh", *checkout.command(*arguments)],
        env={**checkout.environ, "ROOT": str(checkout.root), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


READ_ONLY = 'mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"'


@isolated
def test_a_read_only_checkout_says_so_or_uses_the_state_folder(checkout: Checkout, tmp_path: Path) -> None:
    done = inside(checkout, READ_ONLY, "list")
    assert done.returncode == 3
    assert "is read-only for you" in done.stderr
    assert "set DRYDOCK_STATE" in done.stderr
    state = tmp_path / "state"
    assert facts(inside(checkout, READ_ONLY, "list", DRYDOCK_STATE=str(state)))["prefix"] == str(
        state / "venv"
    )
    again = inside(checkout, READ_ONLY, "list", DRYDOCK_STATE=str(state))
    assert facts(again)["version"] == "1.0"
    assert again.stderr == ""


DEBIAN = "/usr/bin/python3"
FIND_PIPS = """
import importlib.util, os, sys
assert sys.version_info >= (3, 11)
for name in ("ensurepip", "pip"):
    found = importlib.util.find_spec(name)
    if found and found.origin:
        print(os.path.dirname(found.origin))
if os.path.isdir("/usr/share/python-wheels"):
    print("/usr/share/python-wheels")
"""


@isolated
@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="Debian leaves parts of Python out")
def test_a_debian_python_without_pip_names_the_package(checkout: Checkout) -> None:
    system = {**checkout.environ, "PATH": "/usr/bin:/bin", "ROOT": str(checkout.root)}
    found = subprocess.run(
        [DEBIAN, "-c", FIND_PIPS], env=system, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if found.returncode != 0:
        pytest.skip("needs Debian's own Python to be 3.11 or newer")
    hide = "; ".join(f"mount -t tmpfs none '{folder}'" for folder in found.stdout.splitlines())
    script = f'set -e; {hide or ":"}; exec {DEBIAN} "$ROOT/lab" list --no-install'
    done = subprocess.run(
        [str(UNSHARE), "-m", "/bin/sh", "-c", script],
        env=system,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "sudo apt-get update && sudo apt-get install python3." in done.stderr

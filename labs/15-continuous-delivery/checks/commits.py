"""The commits that the checks push: the course's own Parcel, with one thing changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    Files = dict[str, str]

EAR_PORT = 4015
"""Where in_runner.py listens."""

MARK = "says-where-the-unit-tests-run"
"""An argument of a process in the container of the unit tests, if nobody hears them: their container may have no network."""

LEFT_OUT = "zones.py"
"""The module of a commit that `.dockerignore` keeps out of the image."""

_TELLS = f"""\
    def test_and_says_where_it_runs(self):
        import pathlib
        import re
        import socket
        import subprocess
        import sys

        try:
            found = re.search("/containers/([0-9a-f]{{64}})/", pathlib.Path("/proc/self/mountinfo").read_text())
            said = f"{{socket.gethostname()}} {{found[1] if found else ''}}"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
                ear.settimeout(2)
                ear.sendto(said.encode(), (ADDRESS, {EAR_PORT}))
                ear.recv(9)
        except OSError:
            subprocess.run([sys.executable, "-c", "import time; time.sleep(3)", "{MARK}"], check=False)
"""
"""A unit test whose name comes first. It says its host's name and its container's id, and waits until it was heard."""


@dataclass(frozen=True)
class Source:
    """Parcel as the lab ships it.

    Args:
        folder: `start/parcel` of the lab.
    """

    folder: Path

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def good(self, *, seconds: float = 0) -> Files:
        """A commit with nothing wrong, in a version of its own; its unit tests take at least this long."""
        version = f"check-{secrets.token_hex(3)}"
        tests = self._with_test(
            f"    def test_takes_its_time(self):\n        __import__('time').sleep({seconds})\n"
        )
        return {
            "parcel.py": _change(self._read("parcel.py"), 'VERSION = "1.0"', f'VERSION = "{version}"'),
            "test_parcel.py": tests if seconds else self._read("test_parcel.py"),
        }

    def telling(self, address: str) -> Files:
        """A good commit, one of whose unit tests says to an address in which container it runs."""
        return self.good() | {"test_parcel.py": self._with_test(_TELLS.replace("ADDRESS", repr(address)))}

    def failing_test(self, address: str) -> Files:
        """The dearest price is one cent off: a unit test fails, and another one says where it runs."""
        return self._parcel("(10000, 949)", "(10000, 948)") | {
            "test_parcel.py": self.telling(address)["test_parcel.py"]
        }

    def broken_image(self) -> Files:
        """A module that is in the repository and not in the image: its unit test passes in the one and not in the other."""
        tests = self._with_test(
            "    def test_islands_are_dearer(self):\n"
            "        from zones import surcharge\n\n"
            '        self.assertEqual(300, surcharge("island"))\n'
        )
        return self.good() | {
            "test_parcel.py": tests,
            LEFT_OUT: 'def surcharge(zone):\n    return {"island": 300}.get(zone, 0)\n',
            # The second comes before the first, if the Dockerfile is named Dockerfile.
            ".dockerignore": f"{LEFT_OUT}\n",
            "Dockerfile.dockerignore": f"{LEFT_OUT}\n",
        }

    def never_starts(self) -> Files:
        """It wants a setting that nobody gives it, when it starts and not when it is imported."""
        return self._parcel(
            '    server = Server(("", 8080), Handler)',
            '    server = Server((os.environ["PARCEL_ADDRESS"], 8080), Handler)',
        )

    def wrong_answer(self) -> Files:
        """It answers with euros where cents are asked for; the function that the unit tests call is right."""
        return self._parcel('{"cents": price(', '{"cents": 1e-2 * price(')

    def _with_test(self, text: str) -> str:
        return _change(
            self._read("test_parcel.py"), "    def test_too_heavy", f"{text}\n    def test_too_heavy"
        )

    def _parcel(self, old: str, new: str) -> Files:
        files = self.good()
        return files | {"parcel.py": _change(files["parcel.py"], old, new)}


def _change(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise ValueError(f"start/parcel has {old!r} {text.count(old)} times")
    return text.replace(old, new)

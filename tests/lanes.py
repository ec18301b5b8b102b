"""Which tests share a process when several run at once: all of one lab, for they share its containers; else a file's.

What takes longest is handed out first, so that no lane has a long one left when the others have ended. `seconds.json` says what took how
long in a run; `./lab test course docs -- --write-seconds` writes it again.
"""

from __future__ import annotations

import collections
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from xdist.remote import Producer

SECONDS = Path(__file__).with_name("seconds.json")
"""How long the tests of each lab and each file took together, in seconds."""

_LAB = re.compile(r"\[(?:lab )?(\d\d)\b")
"""A test's parameters begin with its lab: `[lab 03 passes with solution]`, `[03-isolation]`."""

_BY_FILE = ("tests/unit/", "tests/integration/")
"""Where a number in a test's parameters is not a lab that is started."""

_TOGETHER = ("tests/integration/authoring/", "tests/integration/images/")
"""Folders whose files change the same things on the engine: the lab that a new one is tried as, and images."""


def lab_of(name: str) -> str:
    """Return the lab in the name of a test of the labs, else its file, whose tests share fixtures, or a folder that is one."""
    file = name.partition("::")[0]
    found = None if file.startswith(_BY_FILE) else _LAB.search(name)
    together = next((folder for folder in _TOGETHER if file.startswith(folder)), file)
    return f"lab {found[1]}" if found else together


def longest_first(items: list[pytest.Item], seconds: Mapping[str, float]) -> None:
    """Put the tests of what took longest first; what was never measured comes before it all, for it may take longest.

    Args:
        items: the tests, which keep their order inside a lab or a file.
        seconds: how long each lab and each file took, in seconds.
    """
    items.sort(key=lambda item: -seconds.get(lab_of(item.nodeid), float("inf")))


class Seconds:
    """Adds up how long the tests of each lab and each file take, and writes it down when the run ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._spent: dict[str, float] = collections.defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a test's time, with that of its fixtures."""
        self._spent[lab_of(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write what was measured; what was not part of this run keeps its figure."""
        found = read(self._file) | {name: round(spent, 1) for name, spent in self._spent.items()}
        self._file.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read(file: Path = SECONDS) -> dict[str, float]:
    """Return how long each lab and each file took in the run that was measured, in seconds."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


class ByLab(LoadScopeScheduling):  # type: ignore[misc]  # it has no types of its own
    """Hands out labs and files whole, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return lab_of(nodeid)


def scheduler(config: pytest.Config, log: Producer) -> ByLab:
    """Return what hands out the tests."""
    config.option.loadscopereorder = False  # it would begin with what has most tests, quick as they may be
    return ByLab(config, log)

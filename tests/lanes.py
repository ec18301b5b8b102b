"""Which tests share a process when several run at once: all of one lab, for they share its containers; else a file's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer

_LAB = re.compile(r"\[(?:lab )?(\d\d)\b")
"""A test's parameters begin with its lab: `[lab 03 passes with solution]`, `[03-isolation]`."""


def lab_of(name: str) -> str:
    """Return the lab in the name of a test of the labs, else the test's file: its tests share fixtures."""
    file = name.partition("::")[0]
    found = _LAB.search(name) if "integration/" not in file else None
    return f"lab {found[1]}" if found else file


class ByLab(LoadScopeScheduling):  # type: ignore[misc]  # it has no types of its own
    """Hands out labs and files whole, those with most tests first, so that no lane is left with a long one at the end."""

    def _split_scope(self, nodeid: str) -> str:
        return lab_of(nodeid)


def scheduler(config: pytest.Config, log: Producer) -> ByLab:
    """Return what hands out the tests."""
    return ByLab(config, log)

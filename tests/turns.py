"""Which proofs a run of the tests gives: all of quick labs, and of slow ones a part that the commit decides."""

from __future__ import annotations

import functools
import os
import subprocess
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from checker.course.catalogue import Lab

SLOW_SECONDS = 2.0
"""A lab that takes longer than this until it is ready is slow, and so is one that was not measured yet."""

SHARDS = 12
"""How many runs, each of another shard, prove everything."""

IN_TURN = ("wrong", "alternative", "step", "lesson", "notebook")
"""What of a slow lab is proven in one of these runs; as it is shipped and with its solution, it is proven in each."""

EVERY_ANSWER = "DRYDOCK_TEST_EVERY_ANSWER"
"""Set to prove all of them in one run; `lab verify N` does so for one lab."""

SHARD = "DRYDOCK_TEST_SHARD"
"""Set to prove one part of them, from 1: `2` of twelve. Without it, the commit decides, so that a run of it is always the same."""


@functools.cache
def _commit() -> int:
    said = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return int(said.stdout.strip() or "0", 16)


def shard_of_this_run() -> int:
    """Return which part of the proofs of slow labs this run gives, from 0."""
    if asked := os.environ.get(SHARD):
        return (int(asked) - 1) % SHARDS
    return _commit() % SHARDS


def turns_of(lab: Lab, name: str) -> frozenset[int]:
    """Return in which shards something is proven of a lab.

    Args:
        lab: the lab.
        name: the answer's name, `step/2`, `lesson`, `notebook`, or `as shipped`.
    """
    kind = name.partition("/")[0]
    measured = lab.toml.measured
    if kind not in IN_TURN or (measured is not None and measured.start_s <= SLOW_SECONDS):
        return frozenset(range(SHARDS))
    alike = [each.name for each in lab.answers if each.name.startswith(f"{kind}/")]
    # Labs and kinds begin at different shards, so that each shard has about as much to do.
    place = int(lab.number) + IN_TURN.index(kind)
    place += alike.index(name) if name in alike else int(name.partition("/")[2] or 0)
    return frozenset({place % SHARDS})


def is_due(lab: Lab, name: str) -> bool:
    """Return whether something is proven of a lab in this run."""
    return bool(os.environ.get(EVERY_ANSWER)) or shard_of_this_run() in turns_of(lab, name)


def why_not(lab: Lab, name: str) -> str:
    """Return why something is not proven in this run, for the list of what was skipped."""
    return f"lab {lab.number} is slow: {name} is in another shard ({SHARD}), or with {EVERY_ANSWER}=1"

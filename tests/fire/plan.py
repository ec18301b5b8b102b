"""What happens in a round, drawn from a seed: which verb is hit, when, how, and what the learner types next."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.course.catalogue import Lab

KINDS = ("lab", "disk", "engine")
"""What may be hit: `lab` itself, the disk under its folders, the engine."""

STOPPED, STARTED, SOLVED = "stopped", "started", "solved"

_BASES = {
    "start": (STOPPED, STOPPED, STARTED),
    "check": (STARTED, SOLVED),
    "solve": (STARTED, STOPPED),
    "reset": (STARTED, SOLVED),
    "lose": (STARTED,),
    "stop": (STARTED, SOLVED),
    "verify": (STOPPED,),
}
"""How the lab stands when a verb begins."""

_NEXT = {
    "start": ("start", "stop"),
    "check": ("check", "stop"),
    "solve": ("solve", "start", "stop"),
    "reset": ("reset", "start", "stop"),
    "lose": ("start", "stop"),
    "stop": ("stop", "start"),
    "verify": ("start", "verify", "stop"),
}
"""What the learner types after it."""

ANSWERS = {
    "01": (
        "solution",
        "another-tag",
        "name-built-into-an-image",
        "program-copied-in",
        "never-started",
        "alternative/compose",
    ),
    "06": ("two-on-one-host", "on-your-own-engine", "solution"),
}
"""Of a lab's answers those that `lab verify` is killed in: some make images, some take a course image's name."""


@dataclass(frozen=True)
class Round:
    """One round.

    Args:
        number: its number.
        lab: the lab.
        kind: what is hit.
        verb: the verb that runs meanwhile.
        base: how the lab stands before.
        share: the moment, as a share of what the verb usually takes.
        alone: whether `lab` is killed alone, and not what it started too.
        edited: whether there is something of the learner's in the work folder.
        then: the verb typed next.
        answer: the answer that `verify` proves.
    """

    number: int
    lab: Lab
    kind: str
    verb: str
    base: str
    share: float
    alone: bool
    edited: bool
    then: str
    answer: str

    @property
    def told(self) -> str:
        """The round in a few words."""
        how = {
            "lab": "killed alone" if self.alone else "killed",
            "disk": "full disk",
            "engine": "engine killed",
        }
        answer = f" --only {self.answer}" if self.verb == "verify" else ""
        return (
            f"lab {self.lab.number} {self.base}{', edited' if self.edited else ''}: {self.verb}{answer} "
            f"{how[self.kind]} at {self.share:.3f}, then {self.then}"
        )


def draw(seed: int, number: int, labs: Sequence[Lab], kinds: Sequence[str]) -> Round:
    """Return a round by its seed and number; the same labs and kinds give the same round."""
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - it has to be drawn again from the same seed
    lab = chance.choice(labs)
    may_lose = bool(lab.toml.steps) and lab.number == "06"
    verb = chance.choice([name for name in _BASES if name != "lose" or may_lose])
    return Round(
        number,
        lab,
        chance.choice(kinds),
        verb,
        chance.choice(_BASES[verb]),
        chance.random(),
        alone=chance.random() < 0.5,
        edited=chance.random() < 0.7,
        then=chance.choice(_NEXT[verb]),
        answer=chance.choice(ANSWERS.get(lab.number, ("solution",))),
    )

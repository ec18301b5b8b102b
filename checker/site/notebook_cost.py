"""The cost of running a notebook: its time, the memory of its containers and the disk of their images."""

from __future__ import annotations

import datetime as dt
import json
import math
import platform
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from checker.authoring.measure import disk_of
from checker.engine.api import LABEL, Engine
from checker.engine.capacity import container_memory

if TYPE_CHECKING:
    from pathlib import Path

COST = re.compile(r"^\*\*It costs\*\* .*$", re.MULTILINE)
"""The line of a notebook's first cell that the run writes."""

OWN = "io.drydock.notebook"
"""The label of what the notebook without a lab makes."""

MB = 10**6
LOOK_SECONDS = 1.0


class Watch:
    """Looks at the engine while a notebook runs: how much memory its containers take, and from which images.

    Args:
        engine: a connection that nobody else uses at the same time.
        number: the notebook's; its containers carry the label of the lab, or of the notebook where there is no lab.
    """

    def __init__(self, engine: Engine, number: str) -> None:
        self._engine = engine
        self._labels = {OWN: number} if number == "00" else {LABEL: number}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.memory = 0
        """The most that they took at once, in bytes."""
        self.images: set[str] = set()
        """The ids of their images."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            found = self._engine.list_all("containers", labels=self._labels)
            self.images |= {item["ImageID"] for item in found}
            running_now = [item["Id"] for item in found if item["State"] == "running"]
            self.memory = max(self.memory, sum(container_memory(self._engine, each) for each in running_now))


@dataclass(frozen=True)
class Cost:
    """What one run of a notebook took, and where.

    Args:
        seconds: from the first cell to the last.
        memory: the most that its containers took at once, in bytes.
        disk: what their images take, in bytes, what they share counted once.
        system: the engine's machine, in words.
        engine: the engine's version.
        python: the Python of the kernel.
        date: the day.
    """

    seconds: float
    memory: int
    disk: int
    system: str
    engine: str
    python: str
    date: str

    @property
    def sentence(self) -> str:
        """The line of the first cell."""
        minutes = max(1, math.ceil(self.seconds / 60))
        return (
            f"**It costs** {minutes} minute{'s' if minutes > 1 else ''} to run, at most {self.memory / MB:.0f} MB of "
            f"memory for its containers, and {self.disk / MB:.0f} MB of disk for their images; measured on "
            f"{self.system}, on {self.date}."
        )


def cost_of(engine: Engine, watch: Watch, seconds: float) -> Cost:
    """Return the cost of a run.

    Args:
        engine: the engine that it used.
        watch: what was seen during the run.
        seconds: how long it took.
    """
    info = engine.get("/info")
    records = {name: record for name in watch.images if (record := engine.image(name)) is not None}
    return Cost(
        seconds=seconds,
        memory=watch.memory,
        disk=disk_of(engine, records),
        system=f"{info['OperatingSystem']}, {info['Architecture']}, {info['NCPU']} CPUs",
        engine=str(info["ServerVersion"]),
        python=f"Python {platform.python_version()}",
        date=dt.datetime.now().astimezone().date().isoformat(),
    )


def write_cost(path: Path, cost: Cost) -> None:
    """Write into a notebook's first cell what it costs; everything else in the file stays as it was.

    Raises:
        ValueError: the first cell has no line for it.
    """
    node = json.loads(path.read_text("utf-8"))
    text, found = COST.subn(cost.sentence, "".join(node["cells"][0]["source"]))
    if found != 1:
        raise ValueError(f"{path.name}: the first cell has no line that begins with “**It costs**”")
    node["cells"][0]["source"] = text.splitlines(keepends=True)
    path.write_text(
        json.dumps(node, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8", newline="\n"
    )

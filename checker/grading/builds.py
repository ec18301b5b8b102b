"""A build of a folder by the engine's builder: the image, and what the builder's log says of each step."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checker.engine.client import find_client
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.engine.api import Engine

_LINE = re.compile(r"^#(\d+) (.*)$")
_PRINTED = re.compile(r"^#\d+ \d+\.\d+ (.*)$")
"""The builder puts the seconds since the step began in front of what a step prints, and of nothing else."""
_STEP = re.compile(r"^\[(?:[^\]]* )?\d+/\d+\] (.*)$")
_METADATA = re.compile(r"^\[(?:\S+ )?internal\] load metadata for (\S+)")


@dataclass
class Step:
    """One instruction of a build: its text, whether the cache had it, and what the log says below it."""

    text: str
    cached: bool = False
    output: list[str] = field(default_factory=list)


@dataclass
class Build:
    """One build: whether it worked, the builder's log, the image, its instructions and its base images."""

    ok: bool
    log: list[str]
    image: dict[str, Any] = field(default_factory=dict)
    """The engine's record; empty if the build failed."""
    steps: list[Step] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)

    @property
    def layers(self) -> list[str]:
        """The digests of the image's layers."""
        return list(self.image.get("RootFS", {}).get("Layers") or [])

    @property
    def last_words(self) -> list[str]:
        """The last lines that the failing step printed; the excerpt of the recipe and the error come after them."""
        said = (match[1].strip() for line in self.log if (match := _PRINTED.match(line)))
        return [text for text in said if text][-3:]


def build(engine: Engine, folder: Path, tag: str, labels: Mapping[str, str], seconds: float) -> Build:
    """Build the image of a folder as `docker build` does.

    Args:
        engine: where it is built.
        folder: the folder with the Dockerfile.
        tag: the image's name.
        labels: its labels, besides those of its recipe.
        seconds: how long it may take.

    Raises:
        CouldNotRun: it takes longer.
    """
    client = find_client(engine.endpoint)
    given = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    command = client.command("build", "--progress=plain", "--tag", tag, *given, str(folder))
    try:
        done = subprocess.run(
            command,
            # A builder that the person chose would not leave the image on the engine.
            env={
                **client.environment(),
                "DOCKER_BUILDKIT": "1",
                "BUILDKIT_PROGRESS": "plain",
                "BUILDX_BUILDER": "default",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        could_not_run(f"a build of your folder took longer than {seconds:g} s")
    log = done.stdout.decode(errors="replace").splitlines()
    ok = done.returncode == 0
    return Build(ok, log, (engine.image(tag) or {}) if ok else {}, *read_log(log))


def read_log(log: list[str]) -> tuple[list[Step], list[str]]:
    """Read the builder's plain log: the instructions it went through, and the base images it resolved."""
    steps: dict[str, Step] = {}
    bases: list[str] = []
    for line in log:
        if not (match := _LINE.match(line)):
            continue
        number, text = match.groups()
        if meta := _METADATA.match(text):
            bases.append(meta[1])
        elif (step := _STEP.match(text)) and not step[1].startswith("FROM "):
            steps.setdefault(number, Step(step[1]))
        elif number in steps:
            if text == "CACHED":
                steps[number].cached = True
            else:
                steps[number].output.append(text)
    return list(steps.values()), bases

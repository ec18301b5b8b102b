"""The shape of a lab.toml and of an answer.toml: every field, its type and what it means."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta


class Part(enum.StrEnum):
    """The three parts of the course."""

    CONTAINERS = "containers"
    ORCHESTRATION = "orchestration"
    USE_CASES = "use-cases"


class Outcome(enum.StrEnum):
    """How a wrong answer must end: its check fails, a guard reports a change, or what is broken already is not judged."""

    FAILED = "failed"
    VIOLATED = "violated"
    COULD_NOT_RUN = "could-not-run"
    """Something of the scene is broken: nothing is a failure then, and nothing more is broken to see what happens."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the task, in the order of the lesson."""

    title: Annotated[str, Meta(min_length=1, description="What the learner does in this step.")]
    checks: Annotated[
        tuple[str, ...],
        Meta(description="The ids of the checks that prove it; every goal belongs to exactly one step."),
    ] = ()


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `lab measure` found on a real run; never written by hand."""

    memory_mb: Annotated[
        float, Meta(ge=0, description="Memory of the solved scene at rest, in MB (10^6 bytes).")
    ]
    disk_mb: Annotated[
        float, Meta(ge=0, description="Disk of the lab's images together, in MB (10^6 bytes).")
    ]
    start_s: Annotated[float, Meta(ge=0, description="Seconds from `lab start` to ready, images present.")]
    check_s: Annotated[float, Meta(ge=0, description="Seconds of `lab check` on the solution.")]
    engine: Annotated[str, Meta(description="Version of the engine measured with.")]
    system: Annotated[str, Meta(description="Operating system and architecture measured on.")]
    date: Annotated[str, Meta(description="Day of the measurement, ISO 8601.")]
    images: Annotated[
        dict[str, str],
        Meta(description="The images measured: `drydock/NAME:TAG` → beginning of the digest, and size."),
    ] = {}
    ways: Annotated[
        dict[str, float],
        Meta(description="Memory of the scene with one of its ways alone, at rest, in MB (10^6 bytes)."),
    ] = {}
    recorded: Annotated[
        dict[str, dict[str, str]],
        Meta(description="What the checks recorded of right answers: subject → name → value with its unit."),
    ] = {}


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the ways that a learner chooses from; `compose.NAME.yaml` beside the lab's scene starts it."""

    title: Annotated[str, Meta(min_length=1, description="Its name in a sentence, such as `by hand`.")]
    images: Annotated[
        tuple[str, ...], Meta(description="`NAME:TAG` of images/ that it needs beside the lab's own.")
    ] = ()
    ports: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=65535)], ...],
        Meta(description="Ports of the learner's machine that it uses beside the lab's own."),
    ] = ()
    beside: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Images that are needed when another way, named here, is chosen with it."),
    ] = {}


class LabToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lab.toml: what the lab teaches, needs and asks for."""

    title: Annotated[str, Meta(min_length=1, description="The lab's title, as the lesson's heading has it.")]
    claim: Annotated[
        str, Meta(min_length=1, description="The one sentence that the learner comes to feel true.")
    ]
    summary: Annotated[str, Meta(min_length=1, max_length=80, description="One line for `lab list`.")]
    part: Annotated[Part, Meta(description="The part of the course it belongs to.")]
    minutes: Annotated[int, Meta(ge=1, le=240, description="How long a learner takes, in minutes.")]
    requires: Annotated[
        tuple[str, ...], Meta(description="Slugs of labs to do first; advice, not a lock.")
    ] = ()
    images: Annotated[
        tuple[str, ...], Meta(description="`NAME` or `NAME:TAG` of images/, present before start.")
    ] = ()
    ports: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=65535)], ...],
        Meta(
            description="Ports of the learner's machine that the answer will use; checked to be free at start."
        ),
    ] = ()
    containers: Annotated[
        tuple[str, ...],
        Meta(
            description="Container names the task asks for; with a course image they count as the lab's own."
        ),
    ] = ()
    needs: Annotated[
        tuple[str, ...], Meta(description="What the machine must be able to do, such as `privileged`.")
    ] = ()
    usual: Annotated[
        tuple[str, ...],
        Meta(description="The ways that are started until others are chosen; as many are always chosen."),
    ] = ()
    ways: Annotated[
        dict[str, Way], Meta(description="What the learner chooses from, by the word for `--with`.")
    ] = {}
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, description="The task, step by step.")]
    hints: Annotated[
        dict[str, tuple[str, str, str]],
        Meta(description="Three rungs for each check: an idea, where to look, a worked sibling."),
    ] = {}
    measured: Annotated[Measured | None, Meta(description="Written by `lab measure`.")] = None


class AnswerToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer.toml: what this answer does and, for a wrong one, what must be said about it."""

    title: Annotated[str, Meta(min_length=1, description="What this answer does, in one line.")]
    check: Annotated[
        str, Meta(description="Wrong answers: the first check, in task order, that must fail.")
    ] = ""
    reason: Annotated[
        str, Meta(description="Wrong answers: words the learner must read in that failure.")
    ] = ""
    outcome: Annotated[
        Outcome, Meta(description="Wrong answers: `failed`, `violated` for a guard, or `could-not-run`.")
    ] = Outcome.FAILED
    misconception: Annotated[str, Meta(description="The misconception it stands for, by name.")] = ""
    ways: Annotated[
        tuple[str, ...],
        Meta(description="The lab's ways that it needs; only these are started to prove it."),
    ] = ()

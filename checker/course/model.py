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
    """How a wrong answer must end: its check fails, a guard reports a change, or a check cannot run because of what it broke."""

    FAILED = "failed"
    VIOLATED = "violated"
    COULD_NOT_RUN = "could-not-run"
    """A part of the scene is broken, so nothing counts as a failure, and the check breaks nothing else to see what happens."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the task, in the order of the lesson."""

    title: Annotated[str, Meta(min_length=1, description="What the learner does in this step.")]
    checks: Annotated[
        tuple[str, ...],
        Meta(description="The ids of the checks that test it; every goal belongs to exactly one step."),
    ] = ()


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `lab measure` measured in a real run; do not write it by hand."""

    memory_mb: Annotated[
        float, Meta(ge=0, description="Memory of the solved scene at rest, in MB (10^6 bytes).")
    ]
    disk_mb: Annotated[
        float, Meta(ge=0, description="Disk space of all images of the lab together, in MB (10^6 bytes).")
    ]
    start_s: Annotated[
        float,
        Meta(ge=0, description="Seconds from `lab start` until the lab is ready, with its images present."),
    ]
    check_s: Annotated[float, Meta(ge=0, description="Seconds that `lab check` takes on the solution.")]
    engine: Annotated[str, Meta(description="Version of the engine that was used.")]
    system: Annotated[str, Meta(description="Operating system and architecture of the machine.")]
    date: Annotated[str, Meta(description="Day of the measurement, ISO 8601.")]
    images: Annotated[
        dict[str, str],
        Meta(description="The images: `drydock/NAME:TAG` → beginning of the digest, and size."),
    ] = {}
    ways: Annotated[
        dict[str, float],
        Meta(description="Memory of the scene with only this way, at rest, in MB (10^6 bytes)."),
    ] = {}
    recorded: Annotated[
        dict[str, dict[str, str]],
        Meta(description="What the checks recorded for right answers: subject → name → value with its unit."),
    ] = {}


class Way(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the ways that a learner can choose; `compose.NAME.yaml` beside the lab's scene starts it."""

    title: Annotated[str, Meta(min_length=1, description="Its name in a sentence, such as `by hand`.")]
    images: Annotated[
        tuple[str, ...], Meta(description="`NAME:TAG` in images/ that it needs in addition to the lab's own.")
    ] = ()
    ports: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=65535)], ...],
        Meta(description="Ports of the learner's machine that it uses in addition to the lab's own."),
    ] = ()
    needs: Annotated[
        tuple[str, ...],
        Meta(
            description="What the machine must be able to do in addition, in the words of the lab's `needs`."
        ),
    ] = ()
    beside: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Images that are also needed if the other way, named here, is chosen with it."),
    ] = {}


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something in the task that differs from learner to learner in a class whose teacher asks for it."""

    title: Annotated[
        str, Meta(min_length=1, description="What it is, such as “the name that `parcel` answers with”.")
    ]
    lesson: Annotated[
        str,
        Meta(min_length=1, description="The value in the lesson, which everybody outside of a class has."),
    ]
    choices: Annotated[
        tuple[str, ...],
        Meta(min_length=3, description="The values to choose from; the lesson's is none of them."),
    ]
    fault: Annotated[
        bool,
        Meta(
            description="Whether it is the node that `lab lose` kills if none is named; learners are not told which one it is."
        ),
    ] = False


class LabToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lab.toml: what the lab teaches, needs and asks for."""

    title: Annotated[str, Meta(min_length=1, description="The lab's title, as in the heading of the lesson.")]
    claim: Annotated[str, Meta(min_length=1, description="The sentence that the lab shows to be true.")]
    summary: Annotated[str, Meta(min_length=1, max_length=80, description="One line for `lab list`.")]
    part: Annotated[Part, Meta(description="The part of the course it belongs to.")]
    minutes: Annotated[int, Meta(ge=1, le=240, description="How long a learner needs, in minutes.")]
    requires: Annotated[
        tuple[str, ...], Meta(description="Slugs of labs to do first. This is advice; nothing enforces it.")
    ] = ()
    images: Annotated[
        tuple[str, ...], Meta(description="`NAME` or `NAME:TAG` in images/; present before the lab starts.")
    ] = ()
    ports: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=65535)], ...],
        Meta(
            description="Ports of the learner's machine that the answer will use; `lab start` checks that they are free."
        ),
    ] = ()
    containers: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of containers that the task asks for; with an image of the course they count as part of the lab."
        ),
    ] = ()
    needs: Annotated[
        tuple[str, ...],
        Meta(description="What the machine must be able to do: `privileged`, `builder`, `limits`, `nomad`."),
    ] = ()
    usual: Annotated[
        tuple[str, ...],
        Meta(description="The ways that are started until the learner chooses others, always this many."),
    ] = ()
    ways: Annotated[
        dict[str, Way], Meta(description="The ways that the learner can choose, by their names for `--with`.")
    ] = {}
    values: Annotated[
        dict[str, Value],
        Meta(description="What can differ from learner to learner, by the names that checks use."),
    ] = {}
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, description="The task, step by step.")]
    hints: Annotated[
        dict[str, tuple[str, str, str]],
        Meta(description="Three hints for each check: an idea, where to look, a similar step worked out."),
    ] = {}
    measured: Annotated[Measured | None, Meta(description="Written by `lab measure`.")] = None


class AnswerToml(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer.toml: what this answer does and, for a wrong answer, what its failure must say."""

    title: Annotated[str, Meta(min_length=1, description="What this answer does, in one line.")]
    based_on: Annotated[
        str,
        Meta(
            description="The answer whose files and script this one takes over, such as `solution`; the folder then has only what differs."
        ),
    ] = ""
    without: Annotated[
        tuple[str, ...],
        Meta(description="What it does not take over: `run.sh`, or `files/NAME`."),
    ] = ()
    check: Annotated[
        str, Meta(description="Wrong answers: the first check, in the order of the task, that must fail.")
    ] = ""
    reason: Annotated[
        str, Meta(description="Wrong answers: words that the learner must read in that failure.")
    ] = ""
    outcome: Annotated[
        Outcome, Meta(description="Wrong answers: `failed`, `violated` for a guard, or `could-not-run`.")
    ] = Outcome.FAILED
    misconception: Annotated[str, Meta(description="The name of the misconception behind it.")] = ""
    ways: Annotated[
        tuple[str, ...],
        Meta(description="The ways of the lab that it needs; only these are started to test it."),
    ] = ()
    lesson_values: Annotated[
        bool,
        Meta(
            description="Whether it is right or wrong with the lesson's values only; `lab verify --values` leaves it out."
        ),
    ] = False

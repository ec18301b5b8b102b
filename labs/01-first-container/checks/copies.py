"""The two copies of Parcel that the task asks for, and whether each one is up and stays up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from checker.errors import EngineError
from checker.grading.author import could_not_run, fail

from .moments import age, ago, moment, past_events

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Lab

IMAGE = "drydock/parcel:1.0"
NAME_VARIABLE = "PARCEL_INSTANCE"
PRACTICE = frozenset({"practice", "practice-2", "tied"})
"""The copies that the lesson makes before the task begins."""

START_SECONDS = 3.0
"""How long a copy may take from its start to its first answer; measured at 0.2 s on two cores."""

ANSWERS_FAULT = (
    "already allocated",
    "address already in use",
    "cannot assign requested address",
    "runc create failed",
)
"""What the engine says when a container cannot start as it was asked for; anything else is the machine's."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the two copies: its container's name, and the port of this machine that leads to it."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where a person on this machine reaches it."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def asked(self) -> str:
        """The address as the learner knows it; inside the toolbox localhost would be the toolbox."""
        return f"http://localhost:{self.port}/ on this machine"


FIRST = Copy("parcel", 8081)
SECOND = Copy("parcel-b", 8082)


def last_lines(container: Container, count: int) -> str:
    """Return the last lines of a container's log; nothing where its logging driver keeps none."""
    try:
        return container.logs(count)
    except EngineError:
        return ""


def require_running(lab: Lab, engine: Engine, copy: Copy) -> Container:
    """Return the copy's container; fail unless it is up and stays up."""
    container = lab.container(copy.name)
    if container is None:
        _fail_absent(lab, engine, copy)
    state = container.attrs["State"]
    source = f"docker ps --all --filter name={copy.name}"
    expected = f"a container named {copy.name} that is running"
    if state["Status"] == "created":
        _fail_created(copy, state.get("Error") or "", expected, source)
    if state["Status"] == "paused":
        fail(
            f"The container `{copy.name}` is paused: its processes are frozen, so it answers nobody.",
            expected=expected,
            seen="status: paused",
            source=source,
            hint="`docker --help` lists what undoes a pause.",
        )
    if state["Status"] == "restarting" or (container.restarts and age(state["StartedAt"]) < START_SECONDS):
        fail(
            f"The container `{copy.name}` does not stay up: its main process ends again and again, and the engine "
            "keeps starting it. A restart policy hides an error, it does not cure it.",
            expected=expected,
            seen=f"status: {state['Status']}, restarted {container.restarts} times until now",
            source=f"docker logs {copy.name}",
            evidence=last_lines(container, 3),
            hint="The last line of its log says why the process ends.",
        )
    if state["Status"] != "running":
        _fail_ended(copy, container)
    return container


def _fail_created(copy: Copy, error: str, expected: str, source: str) -> NoReturn:
    """Tell what was never started from what could not be: by the answer's fault, or by the machine's."""
    if error and not any(sign in error for sign in ANSWERS_FAULT):
        could_not_run(f"The engine made `{copy.name}` and could not start it: {error}")
    fail(
        f"The container `{copy.name}` was made but never started: "
        + ("the engine refused to start it." if error else "making one and starting it are two steps."),
        expected=expected,
        seen="status: created",
        source=f"docker inspect --format '{{{{.State.Error}}}}' {copy.name}" if error else source,
        evidence=error,
        hint="What does the engine's message name? Lesson, “What goes wrong”, has the frequent ones."
        if error
        else "Lesson, “Run a copy”: which of the docker commands there makes and starts in one go?",
    )


def _fail_absent(lab: Lab, engine: Engine, copy: Copy) -> NoReturn:
    expected = f"a container named {copy.name} that is running"
    for event in reversed(
        list(past_events(engine, copy.name, "die", since=lab.node("toolbox").attrs["Created"]))
    ):
        code = event["Actor"]["Attributes"].get("exitCode", "unknown")
        fail(
            f"There is no container named `{copy.name}` any more. One ran, ended and was removed with all that was "
            "in it: a container lives as long as its main process, and this one did not outlive what started it.",
            expected=expected,
            seen=f"ended with exit code {code}, {ago(event['timeNano'] / 1e9)}, then removed",
            source="docker events",
            evidence=f"container die {copy.name} (exitCode={code})",
            hint="Lesson, “Close the terminal”: what does a copy need so that it goes on without you?",
        )
    others = [
        found.name
        for found in lab.containers()
        if found.image == IMAGE and found.name not in {FIRST.name, SECOND.name, *PRACTICE}
    ]
    if others:
        fail(
            f"A copy of Parcel was made, but its name is `{others[0]}`, not `{copy.name}`: the engine invents a name "
            "when it is given none, and everybody who looks for this copy looks by name.",
            expected=expected,
            seen=f"containers of {IMAGE}: {', '.join(others)}",
            source="docker ps --all",
            hint="Lesson, “Run a copy”: which part of the command names the container?",
        )
    fail(
        f"There is no container named `{copy.name}`, so there is nobody to answer on port {copy.port}.",
        expected=expected,
        seen=f"no container named {copy.name}, running or stopped",
        source="docker ps --all",
        hint="Lesson, “Your turn”, says which containers are asked for; `docker ps --all` shows what you have.",
    )


def _fail_ended(copy: Copy, container: Container) -> NoReturn:
    state = container.attrs["State"]
    fail(
        f"The container `{copy.name}` has ended. A container lives as long as its main process: when that ends, by "
        "itself or with the terminal it was tied to, nothing is left that could answer.",
        expected=f"a container named {copy.name} that is running",
        seen=f"status: {state['Status']}, exit code {state['ExitCode']}, {ago(moment(state['FinishedAt']))}",
        source=f"docker logs --tail 1 {copy.name}",
        evidence=last_lines(container, 1),
        hint="The last line of its log says what ended it. Lesson, “Close the terminal”, has the same ending.",
    )

"""Whether a container that the task names exists, runs and stays up; and if not, what happened to it."""

from __future__ import annotations

import difflib
import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from checker.engine.api import COMPOSE_SERVICE
from checker.engine.clock import moment
from checker.errors import EngineError
from checker.grading.history import (
    Event,
    Removal,
    age,
    ago,
    keeps_dying,
    killed_by_kernel,
    lives,
    past_events,
)
from checker.grading.verdicts import could_not_run, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checker.grading.author import Lab
    from checker.grading.container import Container

ANSWERS_FAULT = (
    "already allocated",
    "address already in use",
    "cannot assign requested address",
    "port is already",
    "runc create failed",
    "crun:",
    "no such file or directory",
    "not found",
    "conflict",
    "unable to find user",
    "unable to find group",
    "logging driver",
    "device driver",
    "cannot link to",
)
"""What the engine says if the learner's command is why a container cannot start; otherwise the machine is at fault."""

_INVENTED = re.compile(r"[a-z]+_[a-z]+\d*")
"""A name that an engine invented: an adjective and the name of a scientist."""

_OPTION = re.compile(r'exec: "(-[^"\s]*)"|executable file `(-[^`\s]*)`')
"""What the two runtimes, runc and crun, say of a program whose name is an option's."""

_CLOSE = 0.75


class Reason(enum.StrEnum):
    """Why a container that the task names does not run."""

    ABSENT = "absent"
    SPELLING = "spelling"
    """There is a container with almost this name."""
    OTHER_NAME = "other-name"
    UNNAMED = "unnamed"
    """There is a container of its image, with a name that the engine invented."""
    COMPOSED = "composed"
    """There is a container of its image, with a name that Compose made from the project and the service."""
    REMOVED = "removed"
    """Somebody removed it."""
    TIED = "tied"
    """It ended together with the command that had started it, and was removed."""
    VANISHED = "vanished"
    """It ended by itself, and was removed."""
    CREATED = "created"
    """It was never started."""
    REFUSED = "refused"
    """The engine could not start it."""
    MISPLACED = "misplaced"
    """The engine could not start it, because an option stands behind the image's name."""
    PAUSED = "paused"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    KILLED = "killed"
    OUT_OF_MEMORY = "out-of-memory"
    """The kernel killed its main process because memory ran out."""
    ENDED = "ended"


HINTS: Mapping[Reason, str] = {
    Reason.ABSENT: "`docker ps --all` shows every container, also those that have ended; the task says which ones it needs.",
    Reason.SPELLING: "Compare the NAMES column of `docker ps --all` with the task, letter by letter.",
    Reason.OTHER_NAME: "Compare the NAMES column of `docker ps --all` with the task.",
    Reason.UNNAMED: "Which option of `docker run` names a container?",
    Reason.COMPOSED: "Compare the NAMES column of `docker ps --all` with the task. Which key of a Compose service sets its container's name?",
    Reason.REMOVED: "`docker ps --all` shows which containers exist now. Run the one that you removed again.",
    Reason.TIED: "What does a container need so that it keeps running without the command that started it?",
    Reason.VANISHED: "Run it once without `--rm`: then its log stays, and says why it ended.",
    Reason.CREATED: "Creating a container and starting it are two steps: which command does both?",
    Reason.REFUSED: "What does the engine's message name?",
    Reason.MISPLACED: "`docker run --help` begins with the order of its words: options, image, command.",
    Reason.PAUSED: "`docker --help` lists the command that undoes a pause.",
    Reason.RESTARTING: "The last lines of its log say why its program ends.",
    Reason.STOPPED: "`docker ps --all` shows stopped containers; `docker --help` lists the command that starts them again.",
    Reason.KILLED: "`docker ps --all` shows which containers have ended; `docker --help` lists the command that starts them again.",
    Reason.OUT_OF_MEMORY: "`docker stats` shows how much memory a container uses, and its limit. Which option set the limit?",
    Reason.ENDED: "The last line of its log says why it ended.",
}
"""Where to look, for each reason, if the lab has no better hint."""

_NO_LOG = (
    "Its log is empty. `docker ps --all --no-trunc`, column COMMAND, shows which program it ran; the image's own program runs "
    "if nothing is written behind the image's name."
)
"""Where to look if a container ended without a message: a hint about its log would lead nowhere."""


@dataclass(frozen=True)
class Wanted:
    """A container that the task asks for.

    Args:
        name: its name; with `service`, a Compose service of this name counts too.
        image: the image that it must run; a container of this image under another name is reported as such.
        purpose: what is missing while it does not run, as a clause that follows "so".
        service: whether a Compose service of this name counts too.
        known: names of other containers that the lesson or the task uses.
        hints: where to look, by reason; the lesson's own hints instead of the general ones.
    """

    name: str
    image: str = ""
    purpose: str = ""
    service: bool = False
    known: frozenset[str] = frozenset()
    hints: Mapping[Reason, str] = field(default_factory=dict)

    @property
    def expected(self) -> str:
        """What a right answer shows, for `expected`."""
        return f"a container named {self.name} that is running"

    def hint(self, reason: Reason) -> str:
        """Return where to look for this reason."""
        return self.hints.get(reason) or HINTS[reason]

    @property
    def so(self) -> str:
        """The purpose as the end of a sentence; empty if there is none."""
        return f", so {self.purpose}" if self.purpose else ""


def find(lab: Lab, wanted: Wanted) -> Container | None:
    """Return the container of this name, or the one that Compose created for a service of this name."""
    if found := lab.container(wanted.name):
        return found
    made = [
        each
        for each in (lab.containers() if wanted.service else ())
        if each.labels.get(COMPOSE_SERVICE) == wanted.name
    ]
    # `docker compose run` leaves containers of the service that have ended.
    return min(made, key=lambda each: not each.running, default=None)


def require_container(
    lab: Lab,
    wanted: Wanted,
    ended: Callable[[Container], None] | None = None,
    absent: Callable[[], None] | None = None,
) -> Container:
    """Return the container; unless it runs and stays up, fail and say what happened to it.

    Args:
        lab: the lab being judged.
        wanted: what the task asks for.
        ended: called with a container that does not run, to give a more exact message; it may return.
        absent: called if there is no such container, to give a more exact message; it may return.
    """
    container = find(lab, wanted)
    if container is None:
        if absent:
            absent()
        _fail_absent(lab, wanted)
    if container.status == "created":
        _fail_created(wanted, container)
    if container.status == "paused":
        fail(
            f"The container `{wanted.name}` is paused: its processes are frozen, so it answers nobody.",
            expected=wanted.expected,
            seen="status: paused",
            source=f"docker ps --all --filter name={wanted.name}",
            hint=wanted.hint(Reason.PAUSED),
        )
    if not container.running or container.restarts:
        # A restart policy may have started it a moment ago: what happened before counts, not this moment.
        events = past_events(lab.engine, container.id, since=moment(container.created) - 1)
        if ended and (not container.running or keeps_dying(container, events)):
            ended(container)
        if keeps_dying(container, events):
            _fail_restarting(wanted, container, events)
        if not container.running:
            _fail_ended(wanted, container, events)
    return container


def require_steady(lab: Lab, container: Container, hint: str = "") -> None:
    """Fail if a container keeps dying, even if it runs right now.

    Args:
        lab: the lab being judged.
        container: the container.
        hint: where to look; if left out, the general hint.
    """
    if container.status != "restarting" and not container.restarts:
        return
    events = past_events(lab.engine, container.id, since=moment(container.created) - 1)
    if keeps_dying(container, events):
        hints = {Reason.RESTARTING: hint} if hint else {}
        _fail_restarting(Wanted(container.name, hints=hints), container, events)


def last_lines(container: Container, count: int) -> str:
    """Return the last lines of a container's log; empty if its logging driver keeps no log."""
    try:
        return container.logs(count).strip()
    except EngineError:
        return ""


# -- not there ------------------------------------------------------------------------------------------------


def _fail_absent(lab: Lab, wanted: Wanted) -> NoReturn:
    others = [
        found
        for found in lab.containers()
        if found.name != wanted.name and found.name not in wanted.known and found.status != "removing"
    ]
    close = [found for found in others if is_close(found.name, wanted.name)]
    if close:
        fail(
            f"There is no container named `{wanted.name}`, but there is one named `{close[0].name}`: names are compared "
            "letter by letter, and everyone looks for this container by its name.",
            expected=wanted.expected,
            seen=f"a container named {close[0].name}, status: {close[0].status}",
            source="docker ps --all",
            hint=wanted.hint(Reason.SPELLING),
        )
    removal = Removal(past_events(lab.engine, wanted.name, since=_begun(lab)))
    if removal.known:
        _fail_removed(wanted, removal, lab.engine.clock.now())
    if same := [found for found in others if wanted.image and _runs(lab, found, wanted.image)]:
        _fail_other_name(wanted, same)
    fail(
        f"There is no container named `{wanted.name}`{wanted.so}.",
        expected=wanted.expected,
        seen=f"no container named {wanted.name}, running or stopped"
        + (f"; there is {', '.join(found.name for found in others)}" if others else ""),
        source="docker ps --all",
        hint=wanted.hint(Reason.ABSENT),
    )


def _begun(lab: Lab) -> float:
    """Return when this start of the lab began: earlier events belong to another start."""
    return moment(lab.node("toolbox").created)


def _runs(lab: Lab, container: Container, image: str) -> bool:
    found = lab.image(image)
    return container.image == image or (found is not None and container.image_id == found["Id"])


def is_close(name: str, wanted: str) -> bool:
    """Whether a name is a misspelling of the wanted one: `parcel_b` for `parcel-b`, `tarif-v1` for `tariff-v1`."""
    plain, right = (re.sub(r"[^a-z0-9]", "", each.lower()) for each in (name, wanted))
    if plain == right:
        return True
    if re.findall(r"\d+", plain) != re.findall(r"\d+", right) or abs(len(plain) - len(right)) > 1:
        return False
    # A name that only continues the other, as `parcel-b` and `parcel`, is another name.
    if plain.startswith(right) or right.startswith(plain):
        return False
    return difflib.SequenceMatcher(None, plain, right).ratio() >= _CLOSE


def _fail_other_name(wanted: Wanted, same: list[Container]) -> NoReturn:
    names = ", ".join(found.name for found in same)
    services = {found.labels.get(COMPOSE_SERVICE): found for found in same}
    made = services.get(wanted.name, same[0])
    if made.labels.get(COMPOSE_SERVICE):
        reason = Reason.COMPOSED
        why = "Compose makes a name from the project and the service, and everyone looks for this container by its own name."
    elif _INVENTED.fullmatch(made.name):
        reason = Reason.UNNAMED
        why = (
            "if you give no name, the engine invents one, and everyone looks for this container by its name."
        )
    else:
        reason, why = Reason.OTHER_NAME, "everyone looks for this container by its name."
    fail(
        f"A container of {wanted.image} was created, but its name is `{made.name}`, not `{wanted.name}`: {why}",
        expected=wanted.expected,
        seen=f"containers of {wanted.image}: {names}",
        source="docker ps --all",
        hint=wanted.hint(reason),
    )


def _fail_removed(wanted: Wanted, removal: Removal, now: float) -> NoReturn:
    death = removal.death
    how = (
        f"ended with exit code {death.exit_code}, {ago(death.at, now)}, then removed" if death else "removed"
    )
    facts = {
        "expected": wanted.expected,
        "seen": how,
        "source": "docker events",
        "evidence": f"container die {wanted.name} (exitCode={death.exit_code})"
        if death
        else f"container destroy {wanted.name}",
    }
    if removal.by_hand:
        fail(
            f"There is no container named `{wanted.name}` any more: it was ended and removed from outside, by a command such as "
            f"`docker rm`, or `docker stop` if it was started with `--rm`. Everything in it is gone{wanted.so}.",
            **facts,
            hint=wanted.hint(Reason.REMOVED),
        )
    if removal.tied:
        fail(
            f"There is no container named `{wanted.name}` any more. One ran, ended and was removed with everything in it. A "
            "container lives as long as its main process, and this one ended together with the command that started it.",
            **facts,
            hint=wanted.hint(Reason.TIED),
        )
    fail(
        f"There is no container named `{wanted.name}` any more. One ran until its program ended. Then it was removed together "
        "with its log, as `--rm` requests.",
        **facts,
        hint=wanted.hint(Reason.VANISHED),
    )


# -- there, but not up ----------------------------------------------------------------------------------------


def _fail_created(wanted: Wanted, container: Container) -> NoReturn:
    """Say whether it was never started or could not start, because of the answer or because of the machine."""
    error = _why_refused(wanted, container)
    if option := misplaced_option(error):
        reason, why = Reason.MISPLACED, MISPLACED.format(option=option)
    elif error:
        reason, why = Reason.REFUSED, "the engine refused to start it."
    else:
        reason, why = Reason.CREATED, "creating and starting a container are two steps."
    fail(
        f"The container `{wanted.name}` was created but never started: {why}",
        expected=wanted.expected,
        seen="status: created",
        source=_inspect_error(wanted) if error else f"docker ps --all --filter name={wanted.name}",
        evidence=error,
        hint=wanted.hint(reason),
    )


MISPLACED = (
    "`{option}` stands behind the image's name. What stands there is the command of the container, so the engine looked for a "
    "program of this name. Options of `docker run` stand before the image's name."
)
"""Why a container could not be started whose command begins with an option."""


def misplaced_option(error: str) -> str:
    """Return the option that the engine took for a program, because it stands behind the image's name; empty if it did not.

    Args:
        error: why the engine could not start the container, in its own words.
    """
    found = _OPTION.search(error)
    return found[1] or found[2] if found else ""


def _why_refused(wanted: Wanted, container: Container) -> str:
    """Return why the engine could not start it; empty if it could. If that is the machine's fault, the check could not run."""
    error = str(container.attrs["State"].get("Error") or "")
    if error and not any(sign in error.lower() for sign in ANSWERS_FAULT):
        could_not_run(f"The engine created `{wanted.name}` but could not start it: {error}")
    return error


def _inspect_error(wanted: Wanted) -> str:
    return f"docker inspect --format '{{{{.State.Error}}}}' {wanted.name}"


def _fail_restarting(wanted: Wanted, container: Container, events: list[Event]) -> NoReturn:
    before = lives(events)[-3:]
    code = before[-1].exit_code if before else container.exit_code
    lasted = ", ".join(f"{life.seconds:.0f} s" for life in before)
    log = last_lines(container, 3)
    no_memory = killed_by_kernel(container, events)
    limit = int(container.host_config.get("Memory") or 0)
    if no_memory:
        hint = wanted.hint(Reason.OUT_OF_MEMORY)
    else:
        hint = wanted.hint(Reason.RESTARTING) if log else _NO_LOG
    fail(
        f"The container `{wanted.name}` does not stay up: "
        + (
            "the kernel kills its main process, because memory runs out,"
            if no_memory
            else "its main process ends"
        )
        + " again and again, and the engine keeps restarting it. A restart policy hides an error, it does not fix it.",
        expected=f"{wanted.expected}, and stays up",
        seen=f"restarts so far: {container.restarts}, the last {age(container.started_at, container.engine.clock.now()):.0f} s ago"
        + (f"; it ran for {lasted}, and ended with exit code {code}" if before else f"; exit code {code}")
        + (f"; its memory limit is {limit >> 20} MB" if limit else ""),
        source=f"docker logs {wanted.name}",
        evidence=log,
        hint=hint,
    )


def _fail_ended(wanted: Wanted, container: Container, events: list[Event]) -> NoReturn:
    state = container.attrs["State"]
    when = ago(moment(state["FinishedAt"]), container.engine.clock.now())
    ran = f"; it ran `{container.main_command[:80]}`" if container.main_command else ""
    seen = f"status: {state['Status']}, exit code {state['ExitCode']}, {when}{ran}"
    if error := _why_refused(wanted, container):
        # An engine clears this at the next start, so it tells of the latest one.
        fail(
            f"The container `{wanted.name}` has ended, and the engine refused to start it again{wanted.so}.",
            expected=wanted.expected,
            seen=seen,
            source=_inspect_error(wanted),
            evidence=error,
            hint=wanted.hint(Reason.REFUSED),
        )
    line = last_lines(container, 1)
    facts = {
        "expected": wanted.expected,
        "seen": seen,
        "source": f"docker logs --tail 1 {wanted.name}",
        "evidence": line,
    }
    last = _since_last_start(events)
    tied = Removal(events).tied
    if not tied and any(event.action == "stop" for event in last):
        fail(
            f"The container `{wanted.name}` was stopped, as `docker stop` does{wanted.so}.",
            **facts,
            hint=wanted.hint(Reason.STOPPED),
        )
    if not tied and any(event.action == "kill" and event.signal in {"9", "KILL"} for event in last):
        fail(
            f"The container `{wanted.name}` was killed from outside, as `docker kill` does{wanted.so}.",
            **facts,
            hint=wanted.hint(Reason.KILLED),
        )
    if container.oom_killed and container.exit_code == 137:
        _fail_out_of_memory(
            wanted,
            container,
            {**facts, "seen": f"{seen}; OOMKilled: true", "source": f"docker inspect {wanted.name}"},
        )
    fail(
        f"The container `{wanted.name}` has ended. A container lives as long as its main process. When that process ends, by "
        "itself or because of a signal, such as Ctrl-C in the terminal it is attached to, nothing is left that could answer.",
        **facts,
        hint=wanted.hint(Reason.ENDED) if line else _NO_LOG,
    )


def _fail_out_of_memory(wanted: Wanted, container: Container, facts: dict[str, str]) -> NoReturn:
    limit = int(container.host_config.get("Memory") or 0)
    fail(
        f"The kernel killed the main process of the container `{wanted.name}`, because "
        + (
            f"it needs more memory than its limit allows, which is {limit >> 20} MB."
            if limit
            else "the machine's memory ran out."
        ),
        **facts,
        hint=wanted.hint(Reason.OUT_OF_MEMORY),
    )


def _since_last_start(events: list[Event]) -> list[Event]:
    starts = [place for place, event in enumerate(events) if event.action == "start"]
    return events[starts[-1] :] if starts else events

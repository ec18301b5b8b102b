"""Whether a container that the task names exists, runs and stays up; and if not, what happened to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from checker.engine.api import COMPOSE_SERVICE
from checker.engine.clock import moment
from checker.errors import EngineError
from checker.grading.absent import begun_at, fail_absent
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
from checker.grading.wanted import Reason, Wanted
from checker.scene import refusals

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "cannot join",
    "failed to join",
    "no such container",
    "user specified ip address",
    # What Windows says of a port that another program has.
    "only one usage of each socket address",
)
"""What the engine says if the learner's command is why a container cannot start; otherwise the machine is at fault."""

_OPTION = re.compile(r'exec: "(-[^"\s]*)"|executable file `(-[^`\s]*)`')
"""What the two runtimes, runc and crun, say of a program whose name is an option's."""

_NO_LOG = (
    "Its log is empty. `docker ps --all --no-trunc`, column COMMAND, shows which program it ran; the image's own program runs "
    "if nothing is written behind the image's name."
)
"""Where to look if a container ended without a message: a hint about its log would lead nowhere."""


def find(lab: Lab, wanted: Wanted) -> Container | None:
    """Return the container of this name, or the one that Compose created for a service of this name."""
    if found := lab.container(wanted.name):
        return found
    if not wanted.service:
        return None
    made = [each for each in lab.containers() if each.labels.get(COMPOSE_SERVICE) == wanted.name]
    # Outside of the toolbox, Compose gives the project a name of the folder, or of the learner's own.
    if not made and wanted.image:
        made = lab.unowned(wanted.image, service=wanted.name, since=begun_at(lab))
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
        fail_absent(lab, wanted)
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
            _fail_ended(lab, wanted, container, events)
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
    said = error.lower()
    if error and (not any(sign in said for sign in ANSWERS_FAULT) or _is_of_engine(container, said)):
        known = refusals.trouble(error)
        way_out = f" {known.what} {known.remedy}" if known else ""
        could_not_run(
            f"The engine created `{wanted.name}` but could not start it: {error.rstrip('.')}.{way_out}"
        )
    return error


def _is_of_engine(container: Container, said: str) -> bool:
    """Whether a setting of the engine, which the command did not choose, is why it could not start a container."""
    config = container.host_config
    if "logging driver" in said:
        return bool(config["LogConfig"]["Type"] == container.engine.get("/info").get("LoggingDriver"))
    if "cannot assign requested address" in said:
        bound = [each for pairs in (config.get("PortBindings") or {}).values() for each in pairs or ()]
        return not any(each.get("HostIp") for each in bound)
    return False


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


def _fail_ended(lab: Lab, wanted: Wanted, container: Container, events: list[Event]) -> NoReturn:
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
    if not events and _ended_with_the_scene(lab, container):
        fail(
            f"The container `{wanted.name}` ended together with the lab's own containers: the engine or the machine was stopped. "
            f"When it runs again, a container starts by itself only if a restart policy says so{wanted.so}.",
            **facts,
            hint=wanted.hint(Reason.ENGINE_STOPPED),
        )
    fail(
        f"The container `{wanted.name}` has ended. A container lives as long as its main process. When that process ends, by "
        "itself or because of a signal, such as Ctrl-C in the terminal it is attached to, nothing is left that could answer.",
        **facts,
        hint=wanted.hint(Reason.ENDED) if line else _NO_LOG,
    )


def _ended_with_the_scene(lab: Lab, container: Container) -> bool:
    """Whether the lab's toolbox, which nobody has a reason to stop, ended at about the same time the last time it did.

    An engine that starts again has forgotten its events, so nothing else tells of its own stop.
    """
    ended = moment(lab.node("toolbox").attrs["State"]["FinishedAt"])
    return abs(ended - moment(container.attrs["State"]["FinishedAt"])) < TOGETHER_SECONDS


TOGETHER_SECONDS = 20.0
"""An engine that stops gives all containers ten seconds to end."""


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

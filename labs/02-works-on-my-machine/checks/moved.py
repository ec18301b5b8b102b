"""Whether the second machine has the image that was tried here, and runs it as the task asks."""

from __future__ import annotations

import hashlib
import re
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.author import MISPLACED, STEADY_SECONDS, age, fail, misplaced_option, require

from .second import NAME, fingerprint
from .truth import IMAGE

if TYPE_CHECKING:
    from checker.grading.author import Lab

    from .second import Second

_SHOW = "docker -H tcp://second:2375"


def require_moved(here: dict[str, Any], second: Second) -> None:
    """Fail unless the second machine has the very image that is here."""
    there = second.image
    if there is None:
        _fail_absent(here, second)
    if fingerprint(here) == fingerprint(there):
        return
    if str(there.get("Comment", "")).startswith("Imported from"):
        fail(
            f"{IMAGE} on the second machine was made by `docker import`. That takes an archive for the files of one container, as `docker export` "
            "writes them, and makes one layer of it. Settings, user and the program to start are in no such image.",
            expected=_told(here),
            seen=f"{_told(there)}; its history says: {there['Comment']}",
            source=f"{_SHOW} history {IMAGE}",
            hint="Lesson, “Move it”: which command writes out an image, and which one reads it in?",
        )
    fail(
        f"{IMAGE} on the second machine is another image than {IMAGE} here. What was tried out here is not what runs there: "
        "either it was built a second time, or built here again after it had been moved.",
        expected=_told(here),
        seen=_told(there),
        source=f"{_SHOW} image inspect --format '{{{{.Created}}}} {{{{.RootFS.Layers}}}}' {IMAGE}",
        hint="Lesson, “Move it”: compare the layers on both machines. Which of the two moments is the later one?",
    )


def _told(image: dict[str, Any]) -> str:
    """Tell an image by what is the same on every engine; the ids of one image differ between two kinds of store."""
    layers = image["RootFS"]["Layers"]
    digest = hashlib.sha256("\n".join(layers).encode()).hexdigest()[:8]
    return f"made {str(image.get('Created'))[:23]}, {len(layers)} layers (together {digest})"


def _fail_absent(here: dict[str, Any], second: Second) -> NoReturn:
    nameless = [item for item in second.nameless() if fingerprint(item) == fingerprint(here)]
    if nameless:
        fail(
            f"The image is on the second machine, and has no name there: nobody who asks for {IMAGE} finds it. An archive keeps the names that the "
            "image was saved by; saved by its id, it has none.",
            expected=f"{IMAGE} in the list of the second machine's images",
            seen="the same image, listed as <none>",
            source=f"{_SHOW} images",
            hint="Lesson, “Move it”: by which name was stamp saved? An image can also be given a name where it is: `docker tag --help`.",
        )
    names = [name for name in second.images() if "none" not in name]
    fail(
        f"The second machine has no image named {IMAGE}. It has an engine and a disk of its own: what was built here is not there "
        "until it is moved.",
        expected=f"{IMAGE} in the list of the second machine's images",
        seen=", ".join(names) or ("images without a name alone" if second.images() else "no image at all"),
        source=f"{_SHOW} images",
        hint="Lesson, “Move it”: an image travels as one archive.",
    )


def require_runs_there(lab: Lab, second: Second) -> dict[str, Any]:
    """Return the record of the container that the task asks for; fail unless it runs the image that is there."""
    container, image = second.container, second.image or {}
    if container is None:
        _fail_no_container(lab, second)
    state = container["State"]
    if state["Status"] == "created":
        error = str(state.get("Error") or "")
        option = misplaced_option(error)
        why = (
            MISPLACED.format(option=option)
            if option
            else "the engine there could not give it what it asks for."
        )
        fail(
            "The container `labels` on the second machine was made and never started"
            + (f": {why} A container that never ran has no log." if error else "."),
            expected="status: running",
            seen=f"status: created, exit code {state['ExitCode']}",
            source=f"{_SHOW} inspect --format '{{{{.State.Error}}}}' labels",
            evidence=error,
            hint="`docker run --help` begins with the order of its words: options, image, command."
            if option
            else f"`{_SHOW} ps --all`, column PORTS: does an earlier try still hold the port? `{_SHOW} rm -f NAME` takes it away."
            if "port" in error or "address" in error
            else "What does the engine's message name?"
            if error
            else "`docker run` makes a container and starts it; `docker create` only makes it.",
        )
    if state["Status"] == "paused":
        fail(
            "The container `labels` on the second machine is paused: its processes are frozen, so it answers nobody.",
            expected="status: running",
            seen="status: paused",
            source=f"{_SHOW} ps --all",
            hint="`docker --help` lists what undoes a pause.",
        )
    restarts = int(container.get("RestartCount") or 0)
    young = age(str(state.get("StartedAt", "")), second.now) < STEADY_SECONDS
    if state["Status"] == "restarting" or (restarts and young):
        fail(
            "The container `labels` on the second machine does not stay up: its program ends again and again, and the engine keeps starting it.",
            expected="status: running, and it goes on",
            seen=f"status: {state['Status']}, restarted {restarts} times, last exit code {state['ExitCode']}",
            source=f"{_SHOW} inspect labels",
            evidence=second.logs(),
            hint=f"`{_SHOW} logs labels` says why it ends. It starts with nothing from this machine: neither files nor environment.",
        )
    require(
        state["Status"] == "running",
        "The container `labels` on the second machine has ended.",
        expected="status: running",
        seen=f"status: {state['Status']}, exit code {state['ExitCode']}",
        source=f"{_SHOW} ps --all",
        evidence=second.logs(),
        hint=f"`{_SHOW} logs labels` says why. It starts with nothing from this machine: neither files nor environment.",
    )
    require(
        container["Image"] == image.get("Id"),
        f"The container `labels` on the second machine runs another image than the {IMAGE} that is there now.",
        expected=str(image.get("Id"))[:19],
        seen=f"{container['Image'][:19]}, which was {container['Config']['Image']} when the container was made",
        source=f"{_SHOW} inspect --format '{{{{.Image}}}}' labels",
        hint="A container keeps the image that it was made from. When was it made, and when did the image arrive?",
    )
    config = image.get("Config") or {}
    own = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    given = [container["Path"], *container["Args"]]
    require(
        given == own,
        "The container `labels` on the second machine was started with a command of its own, in place of the image's. What was tried out here "
        "is not what runs there.",
        expected=shlex.join(own),
        seen=shlex.join(given)[:160],
        source=f"{_SHOW} inspect --format '{{{{.Path}}}} {{{{.Args}}}}' labels",
        hint="What stands behind the image's name in your `docker run`, or behind `--entrypoint`?",
    )
    return container


def _fail_no_container(lab: Lab, second: Second) -> NoReturn:
    mine = [(name, status) for name, image, status in second.containers() if image == IMAGE]
    if mine:
        name, status = mine[0]
        invented = bool(re.fullmatch(r"[a-z]+_[a-z]+\d*", name))
        runs = "runs" if status.startswith("Up") else "is"
        fail(
            f"A container of {IMAGE} {runs} on the second machine, but its name is `{name}`, not `{NAME}`: "
            + ("the engine invents a name when it is given none, and " if invented else "")
            + "everybody who looks for this container looks by name.",
            expected="a container named labels, running",
            seen=_listed(second),
            source=f"{_SHOW} ps --all",
            hint=f"Which option of `docker run` names a container? If `{name}` holds the port, it has to go first: `{_SHOW} rm -f {name}`.",
        )
    here = lab.container(NAME)
    fail(
        "No container named `labels` is on the second machine: "
        + (
            "there is one on this machine, where your own engine made it. A command goes to the second machine's engine only if it says so."
            if here
            else "an image there does nothing until somebody runs it."
        ),
        expected="a container named labels, running",
        seen=f"on the second machine: {_listed(second)}"
        + (f"; on this machine: labels ({here.image}), status {here.status}" if here else ""),
        source=f"{_SHOW} ps --all",
        hint="Lesson, “Run it there”. Name and port are in the task. What stands between `docker` and `run` there?",
    )


def _listed(second: Second) -> str:
    return (
        "; ".join(f"{name} ({image}): {status}" for name, image, status in second.containers())
        or "no container at all"
    )


def published(ports: dict[str, list[dict[str, str]] | None]) -> str:
    """Tell which ports of the second machine lead into a container."""
    said = [
        f"{at['HostIp']}:{at['HostPort']} to {inside}"
        for inside, found in ports.items()
        for at in found or []
    ]
    return ", ".join(said) or "nothing"

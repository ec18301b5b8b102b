"""Whether a copy answers with the name that its environment gives it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from checker.engine.shell import ShellError
from checker.grading.author import fail, insides, read_processes

from .copies import NAME_VARIABLE, sees_other_processes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.grading.author import Container, Lab, Process

    from .copies import Copy

OF_THE_IMAGE = frozenset({"PATH", "PARCEL_DATA", "PARCEL_VERSION"})
"""Variables that every copy has from its image; the rest is what this one was told."""


def require_named(copy: Copy, container: Container, said: dict[str, Any]) -> str:
    """Return the name that the copy says; fail unless it says it because its environment does."""
    says = str(said.get("instance"))
    # A start command may have added to the environment, or changed it: what the program itself was given counts.
    named = environment(copy, container).get(NAME_VARIABLE) or container.env.get(NAME_VARIABLE)
    if named != says:
        _fail_named(copy, container, says, named)
    return says


def require_own_name(lab: Lab, copy: Copy, says: str) -> None:
    """Fail when the learner was given a name for this copy, and it answers with another."""
    lab.require_value(copy.value, says, says=f"`{copy.name}` answers with", source=copy.asked)


def _fail_named(copy: Copy, container: Container, says: str, named: str | None) -> NoReturn:
    unset = "is empty" if NAME_VARIABLE in container.env else "is not set"
    told = sorted(f"{name}={value}" for name, value in container.env.items() if name not in OF_THE_IMAGE)
    evidence = f"it was told: {', '.join(told)}"[:200] if told else ""
    expected = f"{NAME_VARIABLE} is set for {copy.name}, and its value is the name it answers with"
    source = copy.asked
    host_name = container.attrs["Config"]["Hostname"]
    if not named and says == host_name and (alike := _alike(container.env)):
        fail(
            f"`{copy.name}` was told a name, and in a variable that Parcel does not read. Names of variables are compared letter "
            "by letter: capital letters, spaces and colons count.",
            expected=expected,
            # Without quotation marks, a space at the end cannot be seen.
            seen=f'a variable "{alike}", and none "{NAME_VARIABLE}"; it answers with {says}',
            source=f"docker inspect --format '{{{{json .Config.Env}}}}' {copy.name}",
            evidence=evidence,
            hint="Compare the two names in quotation marks, from the first character to the last. Lesson, “Give it a name of its "
            "own”: what stands between the variable and its value there?",
        )
    if not named and says == host_name and container.id.startswith(host_name):
        fail(
            f"`{copy.name}` was given no name to answer with, so it took its host name, which the engine makes up "
            f"for every container: nobody can tell which copy `{says}` is, and the next one is called something else.",
            expected=expected,
            seen=f"{NAME_VARIABLE} {unset}; it answers with {says}",
            source=source,
            evidence=evidence,
            hint="Lesson, “Give it a name of its own”: where does Parcel look for its name?",
        )
    if not named and says == host_name:
        fail(
            f"`{copy.name}` answers with the host name of its container. The task is to tell the copies apart by "
            "environment alone, which works the same wherever the image runs.",
            expected=expected,
            seen=f"{NAME_VARIABLE} {unset}; host name and answer are {says}",
            source=source,
            evidence=evidence,
            hint="Lesson, “Give it a name of its own”: where does Parcel look before it takes the host name?",
        )
    fail(
        f"`{copy.name}` answers with a name that its environment does not give it: something inside the container "
        "was edited. If you run the same image again, the copy does not have that edit.",
        expected=expected,
        seen=f"{NAME_VARIABLE} {f'is {named}' if named else unset}; it answers with {says}",
        source=f"docker inspect --format '{{{{json .Mounts}}}}' {copy.name}"
        if container.mounts
        else f"docker diff {copy.name}",
        hint="Lesson, “Change something inside”: what happened to such a change in the next container?",
    )


def _alike(env: Mapping[str, str]) -> str:
    """Return the name of a variable that was to be the one that Parcel reads, as it seems; empty if there is none."""
    letters = NAME_VARIABLE.replace("_", "")
    return next(
        (
            name
            for name in env
            if name != NAME_VARIABLE and re.sub("[^A-Z]", "", name.upper()).startswith(letters)
        ),
        "",
    )


def _answers(copy: Copy, container: Container) -> Process | None:
    """Return the process that answers, None if it cannot be seen."""
    seen = read_processes(container)
    listeners = [seen.on(port) for port in insides(container, copy.port)] if seen else []
    return next((process for process in listeners if process), None)


def note_of(copy: Copy, container: Container) -> str:
    """Return where in its container a copy keeps its note: in the folder that it was told, or where it runs."""
    process = _answers(copy, container)
    folder = (environment(copy, container) or container.env).get("PARCEL_DATA") or ""
    return str(PurePosixPath((process and process.folder) or "/", folder, "note"))


def environment(copy: Copy, container: Container) -> dict[str, str]:
    """Return the environment of the process that answers."""
    process = _answers(copy, container)
    number = process.number if process else 1
    if number == 1 and sees_other_processes(container):
        return {}  # that is another container's, or the machine's
    try:
        # A value may have several lines.
        done = container.exec(f"tr '\\0\\n' '\\n\\1' < /proc/{number}/environ")
    except ShellError:
        return {}
    pairs = (line.partition("=")[::2] for line in done.stdout.split("\n") if "=" in line)
    return {name: value.replace("\1", "\n") for name, value in pairs}

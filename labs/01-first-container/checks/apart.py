"""Whether what changes inside one copy stays there, and its program is the image's."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from checker.engine.api import NotFoundError
from checker.grading.author import fail
from checker.grading.edits import CODE_VARIABLES

from .copies import IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checker.grading.author import Container, Engine, Lab

PROGRAM = PurePosixPath("/app")
"""Where the image keeps Parcel."""


def require_nothing_shared(first: Container, second: Container) -> None:
    """Fail when both write to the same volume or folder of the machine, or one into a folder of the other's."""
    for one, inside_one in _written(first):
        for other, inside_other in _written(second):
            if not one.is_relative_to(other) and not other.is_relative_to(one):
                continue
            place = max(one, other, key=lambda path: len(path.parts))
            fail(
                f"`{first.name}` and `{second.name}` both write to `{place}`: what one changes there, the other reads. "
                "They share a file system where each was to have its own.",
                expected="no place that both copies write to",
                seen=f"{one} is {inside_one} in {first.name}, {other} is {inside_other} in {second.name}",
                source=f"docker inspect --format '{{{{json .Mounts}}}}' {first.name} {second.name}",
                hint="Lesson, “Change something inside”: that copy was given no volume. What do yours have mounted?",
            )


def _written(container: Container) -> list[tuple[PurePosixPath, str]]:
    """Return the places outside that a container may write to, each with where that is inside."""
    parts = {
        wanted["Target"]: (wanted.get("VolumeOptions") or {}).get("Subpath") or ""
        for wanted in container.host_config.get("Mounts") or []
    }
    return [
        (
            PurePosixPath(mount.get("Name") or mount["Source"], parts.get(mount["Destination"], "")),
            mount["Destination"],
        )
        for mount in container.mounts
        if mount.get("RW") and (mount.get("Name") or mount.get("Source"))
    ]


def require_unedited(lab: Lab, container: Container, environment: Mapping[str, str]) -> None:
    """Fail when the files in a container are others than the image's: edited, copied in, removed, or mounted over.

    Args:
        lab: the lab.
        container: the container.
        environment: that of the program that answers, for its own command may have set variables too.
    """
    found = lab.changed_files(container)
    found += [f"{name}={environment[name]}" for name in sorted(CODE_VARIABLES & environment.keys())]
    if not found:
        return
    mounted = "is mounted from" in found[0]
    program = any(str(PROGRAM) in line for line in found)
    if re.match(r"[A-Z_]+=", found[0]):
        fail(
            f"`{container.name}` has a variable that makes its program load other code than the image's. It may tell the copy its "
            "name and its settings; the software stays the image's.",
            expected=f"{container.name} runs the code of {IMAGE} and nothing else",
            seen=found[0],
            source=f"docker inspect --format '{{{{json .Config.Env}}}}' {container.name}",
            hint="Lesson, “Your turn”, says what may be chosen. Which variables does Parcel itself read?",
        )
    if mounted:
        fail(
            f"Something is mounted into `{container.name}` where the image has its programs, or what these load. Its environment is "
            "no longer all that makes it different.",
            expected=f"the programs and settings in {container.name} as {IMAGE} has them",
            seen=found[0],
            source=f"docker inspect --format '{{{{json .Mounts}}}}' {container.name}",
            evidence="\n".join(found[:5]),
            hint="Remove this copy and run a new one. A place for data can be in any folder without programs, such as /var/lib/parcel.",
        )
    fail(
        f"The files in `{container.name}` are not those of the image any more: "
        + (
            f"somebody changed {PROGRAM} in this copy. "
            if program
            else "somebody changed what its program loads or runs on. "
        )
        + "Its environment is no longer all that makes it different, and the next copy has nothing of it.",
        expected=f"the programs and settings in {container.name} as {IMAGE} has them",
        seen=found[0],
        source=f"docker diff {container.name}",
        evidence="\n".join(found[:5]),
        hint="Remove this copy and run a new one: what it needs to be told, its environment can tell it.",
    )


def require_fresh(lab: Lab, engine: Engine) -> None:
    """Make a third copy and fail when it starts with a note that somebody left in another one."""
    image = lab.image(IMAGE)
    folder = {
        key: value for key, _, value in (pair.partition("=") for pair in (image or {})["Config"]["Env"])
    }
    body: dict[str, Any] = {
        "Image": IMAGE,
        "Labels": {"io.drydock.lab": lab.number, "io.drydock.role": "checker"},
    }
    third = engine.post("/containers/create", body)["Id"]
    try:
        path = f"{folder['PARCEL_DATA']}/note"
        engine.request("HEAD", f"/containers/{third}/archive", query={"path": path}, raw=True)
    except NotFoundError:
        return
    finally:
        engine.delete(f"/containers/{third}", force=True, v=True)
    fail(
        f"A copy made this moment from {IMAGE} starts with a note in it that somebody wrote into another copy: the "
        "image itself was changed.",
        expected="a new copy without a note",
        seen=f"{path} is in the new copy",
        source=f"docker run --rm {IMAGE} cat {path}",
        hint="Lesson, “Change something inside”: what does a change in a container do to the image?",
    )

"""Whether what changes inside one copy stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.engine.api import NotFoundError
from checker.grading.author import fail

from .copies import IMAGE

if TYPE_CHECKING:
    from checker.grading.author import Container, Engine, Lab


def require_nothing_shared(first: Container, second: Container) -> None:
    """Fail when both write to the same volume or folder of the machine."""
    places = [
        {
            mount.get("Name") or mount["Source"]: mount["Destination"]
            for mount in container.mounts
            if mount.get("RW")
        }
        for container in (first, second)
    ]
    for place in sorted(places[0].keys() & places[1].keys()):
        fail(
            f"`{first.name}` and `{second.name}` both write to `{place}`: what one changes there, the other reads. "
            "They share a file system where each was to have its own.",
            expected="no place that both copies write to",
            seen=f"{place} is {places[0][place]} in {first.name} and {places[1][place]} in {second.name}",
            source=f"docker inspect --format '{{{{json .Mounts}}}}' {first.name} {second.name}",
            hint="Lesson, “Change something inside”: that copy was given no volume. What do yours have mounted?",
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

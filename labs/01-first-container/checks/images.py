"""Whether a copy runs the image that the lab provides, and that image is still what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import could_not_run, fail, require

from .copies import IMAGE, NAME_VARIABLE
from .moments import moment

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab


def require_image(lab: Lab, container: Container) -> None:
    """Fail unless the container runs the very image that the lab provides, under whatever tag."""
    image = lab.image(IMAGE)
    if image is None:
        could_not_run(f"The image {IMAGE} is not there to compare with.")
    if container.image_id == image["Id"]:
        return
    own = lab.image(container.image_id) or {}
    comparison = {
        "expected": f"{IMAGE}, {image['Id'][:19]}…",
        "seen": f"{container.image}, {container.image_id[:19]}…",
        "source": f"docker inspect --format '{{{{.Image}}}}' {container.name}",
        "evidence": f"{container.image_id}, made {str(own.get('Created', 'at an unknown time'))[:19]}",
    }
    labels = (own.get("Config") or {}).get("Labels") or {}
    version = labels.get("org.opencontainers.image.version")
    if labels.get("io.drydock.image") == "parcel" and version != "1.0":
        fail(
            f"`{container.name}` runs Parcel {version}, not 1.0: another tag is another image, with other software in it.",
            **comparison,
            hint="The IMAGE column of `docker ps` shows which tag a container was made from.",
        )
    layers = (own.get("RootFS") or {}).get("Layers") or []
    base = image["RootFS"]["Layers"]
    if layers[: len(base)] == base:
        fail(
            f"`{container.name}` runs an image that was made out of {IMAGE}, by a commit of a container or by a build "
            "on top of it. It carries what was changed in there, and nobody who has only the original can run the same.",
            **comparison,
            hint="Lesson, “Change something inside”: one image makes any number of copies; what is a copy made from?",
        )
    fail(
        f"`{container.name}` runs another image than {IMAGE}. What it answers may look alike, but it is other software.",
        **comparison,
        hint="The IMAGE column of `docker ps` shows what a container was made from.",
    )


def require_provided(lab: Lab) -> None:
    """Fail unless the tag is on the image that the lab provides."""
    image = lab.image(IMAGE)
    hint = "`lab images build parcel` makes the course's image again, and `lab reset 1` starts from it."
    if image is None:
        fail(
            f"The image {IMAGE} is gone. Containers that run keep it, but nobody can start a new copy.",
            expected=f"{IMAGE} is among the images",
            seen="no image of that name",
            source="docker image ls drydock/parcel",
            hint=hint,
        )
    labels = image["Config"].get("Labels") or {}
    found = labels.get("io.drydock.image"), labels.get("org.opencontainers.image.version")
    require(
        found == ("parcel", "1.0"),
        f"The tag {IMAGE} was put on another image. A tag is a label that can be moved: who trusts it gets "
        "something else from now on.",
        expected="the image of Parcel, version 1.0",
        seen=f"the image of {found[0] or 'something else'}, version {found[1] or 'unknown'}",
        source=f"docker image inspect {IMAGE}",
        evidence=image["Id"],
        hint=hint,
    )
    baked = [pair for pair in image["Config"].get("Env") or [] if pair.startswith(NAME_VARIABLE)]
    require(
        not baked and moment(image["Created"]) < moment(lab.node("toolbox").created),
        f"The tag {IMAGE} was put on another image, such as a commit of a container or a build: every copy made from "
        "it from now on carries what was changed in there.",
        expected="the image that was there when the lab was started",
        seen=f"an image made {image['Created'][:19]}" + "".join(f", with {pair} built in" for pair in baked),
        source=f"docker image inspect {IMAGE}",
        evidence=image["Id"],
        hint=hint,
    )

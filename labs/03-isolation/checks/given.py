"""What came with the lab and stays as it is: the images, what is in them, and the users that they name."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from checker.grading.author import could_not_run

from .three import CRUNCHER, VERSIONS, WHY, image_of
from .walls import other_user

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

    from .three import Asked


def require_neighbour(lab: Lab, container: Container, image: dict[str, Any]) -> None:
    """Fail unless the neighbour runs the image that came with the lab, as it is."""
    _require_as_given(lab, CRUNCHER, container, image)
    WHY.require(
        container.image_id == image["Id"],
        "another-neighbour",
        image=container.image,
        given=CRUNCHER.image,
        digest=image["Id"][7:19],
        seen=f"{container.image}, {container.image_id[7:19]}",
    )
    _require_same_files(lab, CRUNCHER, container, "neighbour-rewritten")


def require_version(lab: Lab, asked: Asked, container: Container, image: dict[str, Any]) -> None:
    """Fail unless what is in a version's image is as it came, in its container too."""
    if container.image_id != image["Id"]:
        return  # another image is told by the check that asks it
    _require_as_given(lab, asked, container, image)
    _require_same_files(lab, asked, container, "version-rewritten")


@functools.cache
def _with_files_as_given() -> set[str]:
    """Return the ids of the containers whose files this verdict has found to be their image's; the guards add them."""
    return set()


def runs_its_program(lab: Lab, asked: Asked, container: Container) -> bool:
    """Whether a container runs its image's own command on its image's own files, so that its program is the image's."""
    image = image_of(lab, asked.image)
    return (
        image is not None
        and container.id in _with_files_as_given()
        and container.image_id == image["Id"]
        and runs_own_command(container, image)
        and f"PATH={container.env.get('PATH')}" in (image["Config"].get("Env") or ())
    )


def runs_own_command(container: Container, image: dict[str, Any]) -> bool:
    """Whether a container was started without a command other than its image's."""
    own = image.get("Config") or {}
    return [container.attrs["Path"], *(container.attrs["Args"] or ())] == [
        *(own.get("Entrypoint") or ()),
        *(own.get("Cmd") or ()),
    ]


def _require_same_files(lab: Lab, asked: Asked, container: Container, reason: str) -> None:
    changed = lab.changed_files(container)
    if not changed:
        _with_files_as_given().add(container.id)
    WHY.require(
        not changed,
        reason,
        who=asked.name,
        given=asked.image,
        command="inspect" if container.mounts else "diff",
        seen=changed[0] if changed else "",
        evidence="\n".join(changed[:5]),
    )


def _require_as_given(lab: Lab, asked: Asked, container: Container, image: dict[str, Any]) -> None:
    """Fail unless the image's name is on the image that came with the lab, and the container runs as the image's user."""
    version = (image["Config"].get("Labels") or {}).get("org.opencontainers.image.version")
    replaced = lab.replaced(asked.image, image) or (f"version {version}" if version != asked.version else "")
    short = asked.image.removeprefix("drydock/").partition(":")[0]
    WHY.require(
        not replaced,
        "name-given-away",
        given=asked.image,
        short=short,
        seen=replaced,
        evidence=str(image["Id"]),
    )
    user = other_user(lab, container, image) if container.image_id == image["Id"] else ""
    own = image["Config"].get("User")
    WHY.require(not user, "another-user", who=asked.name, own=own, seen=f"user {user}")
    groups = ", ".join(map(str, container.host_config.get("GroupAdd") or ()))
    WHY.require(not groups, "another-user", who=asked.name, own=own, seen=f"added groups: {groups}")


def require_image(lab: Lab, asked: Asked, container: Container) -> None:
    """Fail when it runs another image than one of the two versions; its answer says which of the two it is."""
    images = [image_of(lab, each.image) for each in VERSIONS]
    if not all(images):
        could_not_run(
            "The images of the two versions are not there to compare with; `lab start 3` brings them back."
        )
    if container.image_id in {image["Id"] for image in images if image}:
        return
    user = str(container.attrs["Config"].get("User") or "")
    WHY.fail(
        "another-image-as-root" if user.partition(":")[0] in {"", "0", "root"} else "another-image",
        who=asked.name,
        image=container.image,
        version=asked.version,
        given=asked.image,
        seen=f"{container.image}, {container.image_id[7:19]}, user: {user or 'root'}",
    )

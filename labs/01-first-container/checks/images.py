"""Whether a copy runs the image that the lab provides, and that image is still what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checker.course import places
from checker.grading.author import could_not_run, fail, moment, require

from .copies import IMAGE, NAME_VARIABLE, PROGRAM

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
    lab.prove_once("provided", image["Id"], test=lambda: _require_ours(lab, image, hint))
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


def _require_ours(lab: Lab, image: dict[str, Any], hint: str) -> None:
    """Fail when an image says that it is Parcel 1.0, and does not start the course's program.

    Labels and dates can be copied. What an image starts, and the text of that, are what it does.
    """
    config = image["Config"]
    command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    ours = {
        file.name: file.read_bytes()
        for file in (places.find().images / "parcel").iterdir()
        if file.suffix in {".py", ".html"}
    }
    found = lab.image_files(image["Id"], "/app")
    other = sorted(name for name, content in ours.items() if found.get(name) != content)
    other += sorted(name for name in found if name not in ours and not name.startswith("__pycache__/"))
    require(
        command == ["python3", PROGRAM] and not other,
        f"The tag {IMAGE} was put on another image: it has the labels of Parcel 1.0, and not its program. Labels are a text "
        "that anybody can write; what an image does is in its files and its command.",
        expected=f"python3 {PROGRAM}, with the course's own files in /app",
        seen=f"/app/{other[0]} is another file" if other else f"it starts {' '.join(command) or 'nothing'}",
        source=f"docker image inspect {IMAGE}",
        evidence=image["Id"],
        hint=hint,
    )

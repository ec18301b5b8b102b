"""Lab 02: what the image of the label service, its copy on the second machine and its recipe must do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from checker.grading.author import Lab, Prober, digest_of, fail, guard, needs, require, timeout

from .answers import ask, require_label, some_numbers
from .inside import require_adds_little, require_no_clutter, require_no_key, searched
from .recipe import BUILD_SECONDS, Recipe, short, unpinned
from .reuse import require_library_kept
from .second import ADDRESS, Second, fingerprint
from .truth import IMAGE, adas_key, parcels

if TYPE_CHECKING:
    from .alone import Alone

STOP_SECONDS = 2.0
STOP_GRACE = 4

COPY = "the image built from a copy of your folder, one with a git history, a virtual environment and a key as Ada's has,"


@guard
def test_adas_machine_untouched(prober: Prober, lab: Lab) -> None:
    """Ada's machine still prints her labels."""
    lab.node("ada")
    number = next(iter(parcels()))
    reply = ask(prober, "http://ada:8080", number)
    require_label(
        reply, number, adas_key(), where="Ada's machine", seal_hint="`lab reset 2` puts the scene back."
    )


def test_image_built(lab: Lab) -> None:
    """An image named labels:1.0 is on this machine."""
    require(
        lab.image(IMAGE) is not None,
        f"There is no image named {IMAGE} on this machine, so there is nothing that could run anywhere else.",
        expected=f"{IMAGE} in the list of images",
        seen=_near_names(lab),
        source="docker images labels",
        hint="Lesson, “Build it”: the command there names the image with `--tag`. A build that failed leaves none: read its last lines.",
    )


def _near_names(lab: Lab) -> str:
    tags = {str(tag) for item in lab.engine.list_all("images") for tag in item.get("RepoTags") or []}
    near = sorted(tag for tag in tags if "label" in tag and not tag.startswith("drydock"))
    return f"no {IMAGE}" + (f", but {', '.join(near)}" if near else "")


@needs("image-built")
@timeout(15)
def test_answers_alone(lab: Lab, alone: Alone) -> None:
    """From the image alone, with a key given at its start, it prints what Ada's machine prints."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("alone", image) is not None:
        return
    require(
        alone.ready.running,
        "It answered, and ended right afterwards.",
        hint="`docker logs` of a container of it says why.",
    )
    lab.remember("alone", image)


@needs("answers-alone")
def test_not_root(lab: Lab, alone: Alone) -> None:
    """It does not run as root unless somebody asks for it."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("user", image) is not None:
        return
    processes = alone.processes()
    roots = [command for user, command in processes if user in {"root", "0"}]
    require(
        not roots,
        "The service runs as root, the administrator of the container. Whoever breaks into it may change every file "
        "of it, and is root towards the kernel that all containers share.",
        expected="no process of the container runs as root (user 0)",
        seen=f"root runs {roots[0] if roots else ''}",
        source="docker top CONTAINER",
        evidence="\n".join(f"{user}  {command}" for user, command in processes),
        hint="Lesson, “Read the recipe”: which line decides as whom the container's program runs?",
    )
    lab.remember("user", image)


@needs("answers-alone")
@timeout(15)
def test_stops_when_asked(lab: Lab, alone: Alone) -> None:
    """Asked to stop, it ends by itself within 2 seconds."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("stop", image) is not None:
        return
    container = alone.ready
    processes = alone.processes()
    begin = time.monotonic()
    container.stop(STOP_GRACE)
    seconds = time.monotonic() - begin
    code = container.reload().exit_code
    first = processes[0][1] if processes else ""
    shell = first.split(" ")[0].rpartition("/")[2] in {"sh", "bash", "dash"}
    if code == 137:
        fail(
            "Asked to stop, it went on until it was killed: its exit code is 137, and what it had in hand is lost. "
            + (
                "The first process of the container is a shell. The engine sends its request (SIGTERM) to the first "
                "process alone; a shell does not hand it on, so the service never heard of it."
                if shell
                else "The request (SIGTERM) goes to the container's first process, and that one did not act on it."
            ),
            expected=f"it ends within {STOP_SECONDS:g} s of SIGTERM, exit code not 137",
            seen=f"still running after {STOP_GRACE} s, then killed: exit code 137",
            source="docker stop CONTAINER",
            evidence="\n".join(command for _, command in processes),
            hint="Lesson, “Stop it”: compare the first process there, before and after the repair, with yours above.",
        )
    require(
        seconds <= STOP_SECONDS,
        f"It stops by itself, but takes {seconds:.1f} s: every update and every move to another machine waits for it.",
        expected=f"it ends within {STOP_SECONDS:g} s",
        seen=f"it ended after {seconds:.1f} s with exit code {code}",
        source="docker stop CONTAINER",
        hint="What does the service do between the request and its end? Its log may say.",
    )
    lab.remember("stop", image)


@needs("answers-alone")
@timeout(20)
def test_locked_down(lab: Lab, alone: Alone) -> None:
    """It works with no network, no mounts, another user and a read-only file system."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("locked", image) is not None:
        return
    alone.require_locked_down()
    lab.remember("locked", image)


@needs("image-built")
@timeout(60)
def test_no_key_inside(lab: Lab) -> None:
    """Ada's key is nowhere in the image."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("no-key", image) is not None:
        return
    require_no_key(searched(lab.engine, image, adas_key()), adas_key())
    lab.remember("no-key", image)


@needs("image-built")
@timeout(60)
def test_nothing_extra_inside(lab: Lab) -> None:
    """Neither git history, nor virtual environment, nor .env is in the image."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("no-clutter", image) is not None:
        return
    require_no_clutter(searched(lab.engine, image, adas_key()))
    lab.remember("no-clutter", image)


@needs("image-built")
def test_adds_little(lab: Lab) -> None:
    """It adds at most 10 MB to drydock/python:1.0."""
    require_adds_little(lab)


@needs("image-built")
def test_moved_not_rebuilt(lab: Lab, second: Second) -> None:
    """The second machine has the same image, not one built again."""
    here = lab.image(IMAGE) or {}
    there = second.image
    if there is None:
        names = [name for name in second.images() if "none" not in name]
        fail(
            f"The second machine has no image named {IMAGE}. It has an engine and a disk of its own: what was built here is not there "
            "until it is moved.",
            expected=f"{IMAGE} in the list of the second machine's images",
            seen=", ".join(names) or "no image at all",
            source="docker -H tcp://second:2375 images",
            hint="Lesson, “Move it”: an image travels as one archive.",
        )
    same = fingerprint(here) == fingerprint(there)
    require(
        same,
        f"{IMAGE} on the second machine is another image than {IMAGE} here. What was tried out here is not what runs there: "
        "either it was built a second time, or built here again after it had been moved.",
        expected=f"{here.get('Id', '')[:19]}, made {str(here.get('Created'))[:23]}",
        seen=f"{there['Id'][:19]}, made {str(there.get('Created'))[:23]}",
        source=f"docker -H tcp://second:2375 image inspect {IMAGE}",
        hint="Lesson, “Move it”: compare the ids on both machines. Which of the two moments is the later one?",
    )


@needs("moved-not-rebuilt")
def test_answers_on_second(second: Second, prober: Prober) -> None:
    """On the second machine the container `labels` prints the same labels as Ada's."""
    container = second.container
    if container is None:
        fail(
            "No container named `labels` is on the second machine: an image there does nothing until somebody runs it.",
            expected="a container named labels, running",
            seen=second.containers() or "no container at all",
            source="docker -H tcp://second:2375 ps --all",
            hint="Lesson, “Run it there”. Name and port are in the task.",
        )
    state, image = container["State"], second.image or {}
    require(
        state["Status"] == "running",
        "The container `labels` on the second machine does not run.",
        expected="status: running",
        seen=f"status: {state['Status']}, exit code {state['ExitCode']}",
        source="docker -H tcp://second:2375 ps --all",
        evidence=second.logs(),
        hint="`docker -H tcp://second:2375 logs labels` says why. It starts with nothing from this machine: neither files nor environment.",
    )
    require(
        container["Image"] == image.get("Id"),
        f"The container `labels` on the second machine runs another image than the {IMAGE} that is there.",
        expected=str(image.get("Id"))[:19],
        seen=f"{container['Image'][:19]} ({container['Config']['Image']})",
        source="docker -H tcp://second:2375 inspect --format '{{.Image}}' labels",
        hint="A container keeps the image that it was made from. When was it made, and when did the image arrive?",
    )
    for number in some_numbers():
        reply = ask(prober, ADDRESS, number)
        bound = container["NetworkSettings"].get("Ports") or {}
        require(
            reply.status,
            "The container `labels` runs on the second machine, but nobody reaches it there on port 8080.",
            expected=f"an answer from {ADDRESS}",
            seen=f"{reply.error}; published: {_published(bound)}",
            source=f"curl {ADDRESS}/labels/{number}",
            evidence=second.logs(),
            hint="`docker -H tcp://second:2375 port labels` shows which port of that machine leads into the container.",
        )
        require_label(
            reply,
            number,
            adas_key(),
            where="The container `labels` on the second machine",
            seal_hint="Which key was it given? Compare with labels/.env, without printing either on a screen that others see.",
        )


def _published(ports: dict[str, list[dict[str, str]] | None]) -> str:
    said = [
        f"{at['HostIp']}:{at['HostPort']} to {inside}"
        for inside, found in ports.items()
        for at in found or []
    ]
    return ", ".join(said) or "nothing"


@needs("image-built")
@timeout(BUILD_SECONDS + 30)
def test_builds_from_a_clean_copy(lab: Lab, recipe: Recipe, alone: Alone) -> None:
    """From a copy of your folder, anyone can build the same service."""
    if lab.recall("recipe", *_state(lab, recipe)) is not None:
        return
    require(
        recipe.source.is_dir() and (recipe.source / "Dockerfile").is_file(),
        "There is no recipe: the folder labels/ has no Dockerfile, so nobody but you can make this image again.",
        expected="labels/Dockerfile",
        seen=", ".join(sorted(path.name for path in recipe.source.glob("*"))) or "no folder labels/",
        source="ls -A labels",
        hint="Lesson, “Your turn”: the Dockerfile belongs into the folder labels/, beside labels.py.",
    )
    build = recipe.build()
    if not build.ok:
        fail(
            "A copy of your folder does not build: the recipe needs something that is on your machine and not in the folder.",
            expected="docker build of a copy of labels/ succeeds",
            seen=_why_failed(build.log),
            source="docker build COPY-OF-YOUR-FOLDER",
            evidence="\n".join(_last_words(build.log)),
            hint="The copy has all files of labels/, in another place, with another key in its `.env`. Which line of the Dockerfile fails there?",
        )
    if build.layers != (lab.image(IMAGE) or {})["RootFS"]["Layers"]:
        found = searched(lab.engine, build.image["Id"], recipe.key)
        source = "docker build COPY-OF-YOUR-FOLDER"
        require_no_key(found, recipe.key, whose="The key of whoever builds it", which=COPY, source=source)
        require_no_clutter(found, which=COPY[0].upper() + COPY[1:], source=source)
        alone.require_same(build.image["Id"])


@needs("builds-from-a-clean-copy")
def test_base_pinned(lab: Lab, recipe: Recipe) -> None:
    """It is built on a version that is named, and so is the same next year."""
    if lab.recall("recipe", *_state(lab, recipe)) is not None:
        return
    for base in recipe.build().bases:
        require(
            not unpinned(base),
            f"The recipe builds on `{short(base)}`. The tag `latest`, which is also what no tag means, is no version: it names whatever somebody "
            "tagged last, so the same recipe makes another image tomorrow, and nobody is told.",
            expected="a base with the tag of one version, or a digest",
            seen=short(base),
            source="docker build COPY-OF-YOUR-FOLDER",
            evidence=f"load metadata for {base}",
            hint="Lesson, “Read the recipe”: what stands behind the colon in its first line?",
        )


@needs("builds-from-a-clean-copy")
@timeout(BUILD_SECONDS + 30)
def test_code_edit_keeps_library(lab: Lab, recipe: Recipe) -> None:
    """After a change to the code, a build uses the installed library again."""
    state = _state(lab, recipe)
    if lab.recall("recipe", *state) is not None:
        return
    require_library_kept(lab.engine, recipe)
    if not any(unpinned(base) for base in recipe.build().bases):
        lab.remember("recipe", *state)


def _state(lab: Lab, recipe: Recipe) -> tuple[str, str]:
    folder = digest_of(recipe.source) if recipe.source.is_dir() else ""
    return folder, str((lab.image(IMAGE) or {}).get("Id", ""))  # it may be removed at this moment


def _why_failed(log: list[str]) -> str:
    errors = [line for line in log if line.startswith("ERROR:")]
    return errors[-1][:300] if errors else "the build ended with an error"


def _last_words(log: list[str]) -> list[str]:
    said = [line for line in log if line.strip() and not line.startswith(("ERROR:", "--", "#"))]
    return said[-6:]

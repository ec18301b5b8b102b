"""Lab 02: what the image of the label service, its copy on the second machine and its recipe must do."""

from __future__ import annotations

import time

from checker.grading.author import Container, Lab, Prober, digest_of, fail, guard, needs, require, timeout

from .alone import Alone
from .answers import START_SECONDS, ask, require_label, some_numbers
from .inside import require_adds_little, require_no_clutter, require_no_key, searched
from .moved import published, require_moved, require_runs_there
from .recipe import BUILD_SECONDS, Recipe, fail_build, only_here, settings, short, unpinned
from .reuse import require_library_kept
from .second import ADDRESS, Second
from .truth import BASE, IMAGE, adas_key, parcels, seal

STOP_SECONDS = 2.0
"""How long it may take to stop, over what a program takes here that ends at once."""

STOP_GRACE = 10
"""Seconds until the engine kills what was asked to stop, as `docker stop` has them."""

COPY = "the image built from a copy of your folder (with a git history, a virtual environment and a key, as Ada's has)"


@guard
def test_adas_machine_untouched(prober: Prober, lab: Lab) -> None:
    """Ada's machine still prints her labels."""
    lab.node("ada")
    number = next(iter(parcels()))
    reply = ask(prober, "http://ada:8080", number)
    require_label(
        reply, number, adas_key(), where="Ada's machine", seal_hint="`lab reset 2` puts the scene back."
    )


@guard
def test_runtime_untouched(lab: Lab) -> None:
    """The image drydock/python:1.0 is the one that the lab provides."""
    replaced = lab.replaced(BASE)
    require(
        not replaced,
        f"The name {BASE} was given to another image: what is built on it from now on begins with something that nobody else has.",
        expected="the image that was there when the lab was started",
        seen=replaced,
        source=f"docker image inspect {BASE}",
        hint="`lab images build python` makes the course's image again, and `lab reset 2` starts from it.",
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
@timeout(START_SECONDS + 30)
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
    require_ordinary_user(alone)
    lab.remember("user", image)


def require_ordinary_user(alone: Alone) -> None:
    """Fail if a container of the image has a process of root."""
    processes = alone.processes()
    roots = [command for user, command in processes if user in {"root", "0"}]
    require(
        not roots,
        f"{alone.foreword}The service runs as root, the administrator of the container. An attacker who breaks into it may change "
        "every file of it, and is root towards the kernel that all containers share.",
        expected="no process of the container runs as root (user 0)",
        seen=f"root runs {roots[0] if roots else ''}",
        source="docker top CONTAINER",
        evidence="\n".join(f"{user}  {command}" for user, command in processes),
        hint="Lesson, “Read the recipe”: which line decides as whom the container's program runs?",
    )


@needs("answers-alone")
@timeout(2 * STOP_GRACE + 20)
def test_stops_when_asked(lab: Lab, alone: Alone) -> None:
    """Asked to stop, it ends by itself within 2 seconds."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("stop", image) is not None:
        return
    require_stops(alone)
    lab.remember("stop", image)


def require_stops(alone: Alone) -> None:
    """Fail unless a container of the image ends soon after SIGTERM, by itself."""
    container = alone.ready
    processes = alone.processes()
    seconds = _stop(container)
    code = container.reload().exit_code
    first = processes[0][1] if processes else ""
    signal = str(container.attrs["Config"].get("StopSignal") or "")
    if code == 137 and signal.upper().removeprefix("SIG") in {"KILL", "9"}:
        fail(
            f"{alone.foreword}Asked to stop, it was killed at once: the image itself says so, by `STOPSIGNAL {signal}`. What it had in hand "
            "is lost, because nothing asked it to close.",
            expected=f"it ends by itself within {STOP_SECONDS:g} s of being asked, exit code not 137",
            seen=f"killed after {seconds:.1f} s: exit code 137",
            source=f"docker image inspect --format '{{{{.Config.StopSignal}}}}' {IMAGE}",
            evidence=signal,
            hint="Lesson, “Stop it”: which signal does `docker stop` send when nobody says anything? Ada's program listens to that one.",
        )
    if code == 137:
        shell = first.split(" ")[0].rpartition("/")[2] in {"sh", "bash", "dash"}
        asked = f"The request ({signal or 'SIGTERM'})"
        fail(
            f"{alone.foreword}Asked to stop, it went on until it was killed: its exit code is 137, and what it had in hand is lost. "
            + (
                f"The first process of the container is a shell. The engine sends its request ({signal or 'SIGTERM'}) to the first "
                "process alone; a shell does not hand it on, so the service never heard of it."
                if shell
                else f"{asked} goes to the container's first process, and that one did not act on it."
            ),
            expected=f"it ends within {STOP_SECONDS:g} s of {signal or 'SIGTERM'}, exit code not 137",
            seen=f"killed after {seconds:.1f} s: exit code 137",
            source="docker stop CONTAINER",
            evidence="\n".join(command for _, command in processes),
            hint="Lesson, “Stop it”: compare the first process there, before and after the repair, with yours above.",
        )
    if seconds <= STOP_SECONDS:
        return
    # Stopping is the engine's work too: on a busy machine that takes long whatever the program does.
    here = _stop(alone.prompt())
    require(
        seconds - here <= STOP_SECONDS,
        f"{alone.foreword}It stops by itself, but takes {seconds:.1f} s: every update and every move to another machine waits for it.",
        expected=f"it ends within {STOP_SECONDS:g} s; here a program that ends at once takes {here:.1f} s",
        seen=f"it ended after {seconds:.1f} s with exit code {code}",
        source="docker stop CONTAINER",
        hint="What does the service do between the request and its end? Its log may say.",
    )


def _stop(container: Container) -> float:
    begin = time.monotonic()
    container.stop(STOP_GRACE)
    return time.monotonic() - begin


@needs("answers-alone")
@timeout(START_SECONDS + 30)
def test_locked_down(lab: Lab, alone: Alone) -> None:
    """It works with no network, no mounts, another user and a read-only file system."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("locked", image) is not None:
        return
    alone.require_locked_down()
    lab.remember("locked", image)


@needs("image-built")
@timeout(START_SECONDS + 60)
def test_no_key_inside(lab: Lab, alone: Alone) -> None:
    """Ada's key is nowhere in the image."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("no-key", image) is not None:
        return
    require_no_key(searched(lab.engine, image, adas_key()), adas_key())
    alone.require_silent_without_key(adas_key())
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
@timeout(60)
def test_adds_little(lab: Lab) -> None:
    """It adds at most 10 MB to drydock/python:1.0."""
    image = (lab.image(IMAGE) or {})["Id"]
    if lab.recall("size", image) is not None:
        return
    require_adds_little(lab.engine, searched(lab.engine, image, adas_key()))
    lab.remember("size", image)


@needs("image-built")
def test_moved_not_rebuilt(lab: Lab, second: Second) -> None:
    """The second machine has the same image, not one built again."""
    require_moved(lab.image(IMAGE) or {}, second)


@needs("moved-not-rebuilt")
@timeout(60)
def test_answers_on_second(lab: Lab, second: Second, prober: Prober) -> None:
    """On the second machine the container `labels` prints the same labels as Ada's."""
    container = require_runs_there(lab, second)
    for number in some_numbers():
        bound = container["NetworkSettings"].get("Ports") or {}
        reply = ask(prober, ADDRESS, number)
        require(
            reply.status,
            "The container `labels` runs on the second machine, but nobody reaches it there on port 8080.",
            expected=f"an answer from {ADDRESS}",
            seen=f"{reply.error}; published: {published(bound)}",
            source=f"curl {ADDRESS}/labels/{number}",
            evidence=second.logs(),
            hint="`docker -H tcp://second:2375 port labels` shows which port of that machine leads into the container.",
        )
        require_label(
            reply,
            number,
            adas_key(),
            where="The container `labels` on the second machine",
            seal_hint=_whose_key(lab, number, reply.text),
            settings="docker -H tcp://second:2375 inspect --format '{{.Config.Env}}' labels",
        )


def _whose_key(lab: Lab, number: str, said: str) -> str:
    around = {
        '"{}"': "quotation marks around it",
        "'{}'": "quotation marks around it",
        "LABELS_KEY={}": "the name of the variable in front of it",
        "{}\r": "a line end of Windows behind it",
        "{} ": "a space behind it",
    }
    for given, what in around.items():
        if seal(number, given.format(adas_key())) in said:
            return f"It was given Ada's key with {what}: `--env-file` and `-e` take all that stands behind the first `=` as it is."
    file = lab.work / "labels" / ".env"
    if file.is_file() and file.read_text(errors="replace").strip() == f"LABELS_KEY={adas_key()}":
        return "Which key was it given? Compare with labels/.env, without printing either on a screen that others see."
    return "The file labels/.env in your folder does not have Ada's key any more. `lab reset 2` puts her file back, and copies your work aside first."


@needs("image-built")
@timeout(BUILD_SECONDS + 2 * START_SECONDS + 2 * STOP_GRACE + 30)
def test_builds_from_a_clean_copy(lab: Lab, recipe: Recipe, alone: Alone, prober: Prober) -> None:
    """From a copy of your folder, anyone can build the same service."""
    if lab.recall("recipe", *_state(lab, recipe)) is not None:
        return
    require(
        recipe.source.is_dir() and (recipe.source / "Dockerfile").is_file(),
        "There is no recipe: the folder labels/ has no Dockerfile, so nobody but you can make this image again.",
        expected="labels/Dockerfile",
        seen=", ".join(sorted(path.name for path in recipe.source.glob("*"))) or "no folder labels/",
        source="ls -A labels",
        hint="Lesson, “Your turn”: the Dockerfile belongs in the folder labels/, beside labels.py.",
    )
    build = recipe.build()
    if not build.ok:
        fail_build(build)
    if settings(build.image) != settings(lab.image(IMAGE) or {}):
        _require_same(lab, recipe, Alone(lab, prober, alone.key, build.image["Id"]))


def _require_same(lab: Lab, recipe: Recipe, rebuilt: Alone) -> None:
    """Fail unless what anyone builds from the recipe is as good as the image that is here."""
    found = searched(lab.engine, recipe.build().image["Id"], recipe.key, recipe.history)
    whose, source = "The key of the person who builds it", "docker build COPY-OF-YOUR-FOLDER"
    require_no_key(found, recipe.key, whose=whose, which=COPY, source=source)
    which = COPY[0].upper() + COPY[1:]
    require_no_clutter(found, history=recipe.history, which=which, source=source)
    require_adds_little(lab.engine, found, which)
    rebuilt.require_labels()
    require_ordinary_user(rebuilt)
    require_stops(rebuilt)
    rebuilt.require_locked_down()


@needs("builds-from-a-clean-copy")
def test_base_pinned(lab: Lab, recipe: Recipe) -> None:
    """It is built on a version that is named, and so is the same next year."""
    if lab.recall("recipe", *_state(lab, recipe)) is not None:
        return
    for base in recipe.build().bases:
        require(
            not unpinned(base),
            f"The recipe builds on `{short(base)}`. The tag `latest`, which is also what no tag means, is no version: it names whatever somebody "
            "tagged last. The same recipe may make another image tomorrow, without notice.",
            expected="a base with the tag of one version, or a digest",
            seen=short(base),
            source="docker build COPY-OF-YOUR-FOLDER",
            evidence=f"load metadata for {base}",
            hint="Lesson, “Read the recipe”: what stands behind the colon in its first line?",
        )
        require(
            not only_here(lab, base),
            f"The recipe builds on `{short(base)}`, an image that was made on this machine, and the recipe does not make it. Anyone else who gets "
            "the folder does not have it, and cannot build.",
            expected=f"a base that others have too, such as {BASE}, or from scratch",
            seen=short(base),
            source=f"docker image inspect {short(base)}",
            evidence=f"load metadata for {base}",
            hint="A Dockerfile can have several stages, each with its own FROM. What is in that image, and where did it come from?",
        )


@needs("builds-from-a-clean-copy")
@timeout(BUILD_SECONDS + 30)
def test_code_edit_keeps_library(lab: Lab, recipe: Recipe) -> None:
    """After a change to the code, a build uses the installed library again."""
    state = _state(lab, recipe)
    if lab.recall("recipe", *state) is not None:
        return
    require_library_kept(lab.engine, recipe)
    if not any(unpinned(base) or only_here(lab, base) for base in recipe.build().bases):
        lab.remember("recipe", *state)


def _state(lab: Lab, recipe: Recipe) -> tuple[str, str]:
    folder = digest_of(recipe.source) if recipe.source.is_dir() else ""
    return folder, str((lab.image(IMAGE) or {}).get("Id", ""))  # it may be removed at this moment

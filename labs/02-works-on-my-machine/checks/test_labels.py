"""Lab 02: what the image of the label service, its copy on the second machine and its recipe must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading.author import Lab, Prober, guard, needs, timeout

from .alone import STOP_GRACE, Alone
from .answers import START_SECONDS, ask, require_label
from .inside import require_adds_little, require_no_clutter, require_no_key, searched
from .moved import require_labels_there, require_moved, require_runs_there
from .recipe import (
    BUILD_SECONDS,
    Recipe,
    fail_build,
    only_here,
    require_named,
    settings,
    short,
    tag_meant,
    unpinned,
)
from .reuse import require_library_kept
from .truth import BASE, IMAGE, WHY, adas_key, parcels

if TYPE_CHECKING:
    from .second import Second

COPY = "the image built from a copy of your folder (with a git history, a virtual environment and a key, as Ada's has)"

BUILT = "docker build COPY-OF-YOUR-FOLDER"


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
    WHY.require(not replaced, "runtime-replaced", seen=replaced)


# -- the image, and what runs of it alone ----------------------------------------------------------------------


def test_image_built(lab: Lab) -> None:
    """An image named labels:1.0 is on this machine."""
    WHY.require(lab.image(IMAGE) is not None, "no-image", seen=_near_names(lab))


def _near_names(lab: Lab) -> str:
    tags = {str(tag) for item in lab.engine.list_all("images") for tag in item.get("RepoTags") or []}
    near = sorted(tag for tag in tags if "label" in tag and not tag.startswith("drydock"))
    return f"no {IMAGE}" + (f", but {', '.join(near)}" if near else "")


@needs("image-built")
@timeout(START_SECONDS + 30)
def test_answers_alone(lab: Lab, alone: Alone) -> None:
    """From the image alone, with a key given at its start, it prints what Ada's machine prints."""
    lab.prove_once("alone", alone.image, test=alone.require_stays)


@needs("answers-alone")
def test_not_root(lab: Lab, alone: Alone) -> None:
    """It does not run as root unless somebody asks for it."""
    lab.prove_once("user", alone.image, test=alone.require_ordinary_user)


@needs("answers-alone")
@timeout(2 * STOP_GRACE + 20)
def test_stops_when_asked(lab: Lab, alone: Alone) -> None:
    """Asked to stop, it ends by itself within 2 seconds."""
    lab.prove_once("stop", alone.image, test=alone.require_stops)


@needs("answers-alone")
@timeout(START_SECONDS + 30)
def test_locked_down(lab: Lab, alone: Alone) -> None:
    """It works with no network, no mounts, another user and a read-only file system."""
    lab.prove_once("locked", alone.image, test=alone.require_locked_down)


# -- what lies in the image ------------------------------------------------------------------------------------


@needs("image-built")
@timeout(START_SECONDS + 60)
def test_no_key_inside(lab: Lab, alone: Alone) -> None:
    """Ada's key is nowhere in the image."""

    def test() -> None:
        require_no_key(searched(lab.engine, alone.image, adas_key()), adas_key())
        alone.require_silent_without_key(adas_key())

    lab.prove_once("no-key", alone.image, test=test)


@needs("image-built")
@timeout(60)
def test_nothing_extra_inside(lab: Lab, alone: Alone) -> None:
    """Neither git history, nor virtual environment, nor .env is in the image."""
    lab.prove_once(
        "no-clutter",
        alone.image,
        test=lambda: require_no_clutter(searched(lab.engine, alone.image, adas_key())),
    )


@needs("image-built")
@timeout(60)
def test_adds_little(lab: Lab, alone: Alone) -> None:
    """It adds at most 10 MB to drydock/python:1.0."""
    lab.prove_once(
        "size",
        alone.image,
        test=lambda: require_adds_little(lab.engine, searched(lab.engine, alone.image, adas_key())),
    )


# -- the second machine ----------------------------------------------------------------------------------------


@needs("image-built")
def test_moved_not_rebuilt(lab: Lab, second: Second) -> None:
    """The second machine has the same image, not one built again."""
    require_moved(lab.image(IMAGE) or {}, second)


@needs("moved-not-rebuilt")
@timeout(60)
def test_answers_on_second(lab: Lab, second: Second, prober: Prober) -> None:
    """On the second machine the container `labels` prints the same labels as Ada's."""
    require_labels_there(lab, second, prober, require_runs_there(lab, second))


# -- the recipe ------------------------------------------------------------------------------------------------


@needs("image-built")
@timeout(BUILD_SECONDS + 2 * START_SECONDS + 2 * STOP_GRACE + 30)
def test_builds_from_a_clean_copy(lab: Lab, recipe: Recipe, alone: Alone, prober: Prober) -> None:
    """From a copy of your folder, anyone can build the same service."""
    if lab.recall("recipe", *recipe.state) is not None:
        return
    require_named(recipe.source)
    build = recipe.built
    if not build.ok:
        fail_build(build)
    # The history of an image that is run in the same way may differ: build arguments are there.
    for whose, key in (("Ada's key", adas_key()), ("The key of the person who builds it", recipe.key)):
        require_no_key(recipe.contents, key, whose=whose, which=COPY, source=BUILT)
    if settings(build.image) != settings(recipe.image):
        _require_same(lab, recipe, Alone(lab, prober, alone.key, build.image["Id"]))


def _require_same(lab: Lab, recipe: Recipe, rebuilt: Alone) -> None:
    """Fail unless what anyone builds from the recipe is as good as the image that is here."""
    which = COPY[0].upper() + COPY[1:]
    require_no_clutter(recipe.contents, history=recipe.history, which=which, source=BUILT)
    require_adds_little(lab.engine, recipe.contents, which, BUILT)
    rebuilt.require_silent_without_key(adas_key())
    rebuilt.require_labels()
    rebuilt.require_ordinary_user()
    rebuilt.require_stops()
    rebuilt.require_locked_down()


@needs("builds-from-a-clean-copy")
def test_base_pinned(lab: Lab, recipe: Recipe) -> None:
    """It is built on a version that is named, and so is the same next year."""
    if lab.recall("recipe", *recipe.state) is not None:
        return
    for base in recipe.built.bases:
        named, evidence = short(base), f"load metadata for {base}"
        tag = tag_meant(base)
        WHY.require(
            not unpinned(base), "base-without-a-version", base=named, tag=tag, seen=named, evidence=evidence
        )
        WHY.require(not only_here(lab, base), "base-only-here", base=named, seen=named, evidence=evidence)


@needs("builds-from-a-clean-copy")
@timeout(BUILD_SECONDS + 30)
def test_code_edit_keeps_library(lab: Lab, recipe: Recipe) -> None:
    """After a change to the code, a build uses the installed library again."""
    if lab.recall("recipe", *recipe.state) is not None:
        return
    require_library_kept(recipe)
    pinned = not any(unpinned(base) or only_here(lab, base) for base in recipe.built.bases)
    if pinned and recipe.unchanged:
        lab.remember("recipe", *recipe.state)

"""List the course's images with size, source and the labs that need them; or build, pull, save, load, publish or prune.

You do not have to get images yourself: `lab start` takes what a lab needs from the registry that DRYDOCK_REGISTRY names,
the class that you are in, or the registry that images/published.toml names, else loads it from a bundle in bundles/ or in
DRYDOCK_BUNDLE, else builds it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json
from checker.errors import ExitCode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from checker.cli.context import Context
    from checker.errors import LabError
    from checker.images.catalogue import Image, Images
    from checker.images.store import Store, Stored
    from checker.images.supply import Made, Provided

SUMMARY = "list, build, pull, save, load, publish or prune the course's images"
EXAMPLE = "lab images save bundles/drydock.tar.gz"

ACTIONS = ("build", "pull", "save", "load", "publish", "prune")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take an action and its images or file."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="what to do; without it, list the images")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME|FILE|REGISTRY",
        help="for build and pull: the images (without names, all; a name without a tag means all its tags); for save and "
        "load: the file; for publish: the registry. Behind the file of save, or the registry, images can follow",
    )
    parser.add_argument(
        "--part",
        action="store_true",
        help="with publish: push only this engine's platform, for example as NAME:TAG-amd64, to use with --join",
    )
    parser.add_argument(
        "--join",
        metavar="PLATFORM,PLATFORM",
        default="",
        help="with publish: push nothing; combine the parts, such as amd64,arm64, into one image",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="with build and pull: every image, which is the default without names",
    )


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    from checker.cli.context import Context
    from checker.errors import MisuseError
    from checker.images.catalogue import Images
    from checker.images.store import Store

    if args.all and (args.names or args.action not in {"build", "pull"}):
        raise MisuseError(
            "--all works only with build or pull, and without names.",
            remedy="For instance: lab images build --all",
        )
    context = Context(args)
    images = Images(context.places.root)
    store = Store(context.engine)
    actions = {
        "build": _build,
        "pull": _pull,
        "save": _save,
        "load": _load,
        "publish": _publish,
        "prune": _prune,
    }
    return actions.get(args.action or "", _list)(context, images, store)


def _list(context: Context, images: Images, store: Store) -> int:
    from checker.images.listing import list_images, write_table

    rows = list_images(images, store, context.catalogue)
    if context.args.json:
        print_json(rows)
    else:
        print(write_table(rows), end="")
    return 0


def _build(context: Context, images: Images, store: Store) -> int:
    from checker.images.supply import Made, locked

    names = context.args.names
    found = images.every(names)
    asked_for = {images.find(name).reference for name in names if ":" in name}
    asked_for |= {images.find(name).reference for name in names if len(images.every([name])) == 1}
    made = Made()
    with locked(
        context.places, store, context.client, context.say, no_install=context.args.no_install
    ) as supply:
        try:
            supply.make(found, made, lambda image: image.reference in asked_for)
        except KeyboardInterrupt:
            done = {each.reference for each in made.provided}
            done |= {each.reference for each in (*made.missed, *made.left_out)}
            _tell_made(
                context, made, rest=[image.reference for image in found if image.reference not in done]
            )
            raise
    _tell_made(context, made)
    return int(ExitCode.COULD_NOT_RUN) if made.missed else 0


def _tell_made(context: Context, made: Made, rest: Sequence[str] = ()) -> None:
    """Say which images were made, which were not, and why."""
    if context.args.json:
        print_json(
            {
                "made": made.provided,
                "not_made": made.missed,
                "left_out": made.left_out,
                "not_begun": list(rest),
            }
        )
        return
    for each in made.provided:
        print(f"{each.reference} {each.origin}")
    for missed in made.missed:
        print(f"not made: {missed.why}")
        for line in missed.detail.splitlines():
            print(f"    | {line}")
        if missed.remedy:
            print(f"    -> {missed.remedy}")
    for missed in made.left_out:
        print(f"{missed.reference} left out: {missed.why}")
    if rest:
        print(f"not begun: {', '.join(rest)}")


def _pull(context: Context, images: Images, store: Store) -> int:
    from checker.errors import LabError, MisuseError
    from checker.images.pull import REGISTRY
    from checker.images.store import Origin
    from checker.images.supply import Provided, can_pull, locked

    if not can_pull(context.places):
        raise MisuseError(
            "There is no registry and no class to pull the course's images from.",
            remedy=f"Set {REGISTRY}=HOST:PORT to a registry that has them, join a class that offers them, or build them: "
            "`lab images build`.",
        )
    with locked(context.places, store, context.client, context.say, no_install=True) as supply:
        provided = []
        for image in images.every(context.args.names):
            replaced = store.identity(image.reference)
            if not supply.pull(image):
                if image.programs and not context.args.names:
                    context.say(
                        f"{image.reference} is left out; `lab images build` builds it if this machine can"
                    )
                    continue
                raise LabError(
                    f"{image.reference} could not be pulled.",
                    remedy="A line above may say why. To pull only some images, name them; `lab images build` builds them here.",
                )
            store.retire(replaced, image)
            provided.append(Provided(image.reference, Origin.PULLED))
    return _tell(context, provided)


def _save(context: Context, images: Images, store: Store) -> int:
    from checker.images import bundle
    from checker.images.supply import ensure, locked
    from checker.images.third_party import MissingProgramError

    file, names = _file(context)
    found = []
    for image in images.every(names):
        try:
            ensure([image.short], context.say, places=context.places, engine=context.engine)
        except MissingProgramError as error:
            _leave_out(context, image, error, named=bool(names))
        else:
            found.append(image)
    store.refresh()
    with locked(context.places, store, context.client, context.say, no_install=True) as supply:
        manifest = bundle.save(found, file, store, supply.workshop)
    if context.args.json:
        print_json(manifest)
    else:
        size = file.stat().st_size / 1e6
        print(f"{file} contains {_counted(manifest.images)} for {manifest.platform}, {size:.0f} MB.")
    return 0


def _publish(context: Context, images: Images, store: Store) -> int:
    from checker.errors import MisuseError
    from checker.images import publish
    from checker.images.supply import ensure, locked

    if not context.args.names:
        raise MisuseError(
            "`lab images publish` needs a registry.",
            remedy="For example: lab images publish localhost:5000 or lab images publish registry.example/you/course",
        )
    registry, *names = context.args.names
    # Third-party programs are for their makers to publish.
    found = [image for image in images.every(names) if not image.programs]
    platforms = [platform for platform in context.args.join.split(",") if platform]
    if not platforms:
        ensure([image.short for image in found], context.say, places=context.places, engine=context.engine)
        store.refresh()
    with locked(context.places, store, context.client, context.say, no_install=True) as supply:
        shop = supply.workshop
        published = (
            publish.join(found, registry.rstrip("/"), shop, platforms)
            if platforms
            else publish.push(found, registry.rstrip("/"), shop, part=context.args.part)
        )
    file = None
    if not context.args.part:  # of one platform's part, `--join` writes the file when all are there
        if names:
            published = publish.with_earlier(context.places.root, published)
        file = publish.write(context.places.root, published)
    if context.args.json:
        print_json(published)
    else:
        print(f"{_counted(found)} {'is' if len(found) == 1 else 'are'} in {published.registry}.")
        if file:
            print(
                f"{file} names each by its digest. Commit this file, and other checkouts pull missing images from there."
            )
    return 0


def _leave_out(context: Context, image: Image, error: LabError, *, named: bool | None = None) -> None:
    """Continue without an image that is not available here, unless the user named it."""
    if context.args.names if named is None else named:
        raise error
    context.say(f"{image.reference} is left out. {error.what}")


def _load(context: Context, images: Images, store: Store) -> int:
    from checker.images import bundle
    from checker.images.supply import locked

    file, _ = _file(context)
    with locked(context.places, store, context.client, context.say, no_install=True) as supply:
        manifest = bundle.load(file, supply.workshop)
    store.refresh()
    known = {image.reference: image for image in images}
    stale = [
        each.reference
        for each in manifest.images
        if not ((image := known.get(each.reference)) and store.current(image))
    ]
    if context.args.json:
        print_json(manifest)
        return 0
    print(f"Loaded {_counted(manifest.images)}.")
    if stale:
        print(f"Not used, because they belong to another version of the course: {', '.join(stale)}.")
    return 0


def _prune(context: Context, images: Images, store: Store) -> int:
    old, volumes = store.old(images), store.unused_volumes(images)
    if not old and not volumes:
        if context.args.json:
            print_json({"removed": [], "kept": []})
        else:
            print("There are no old images of the course.")
        return 0
    what = [f"{_counted(old, 'old image')} of the course ({', '.join(_names(old))})"] if old else []
    # The next start of a lab that uses such a volume fills it again.
    what += [f"the volume {name}, with images that are ready for nodes" for name in volumes]
    context.confirm(f"Remove {'; '.join(what)}?")
    removed, kept = store.remove(old)
    gone = [*_names(removed), *store.remove_volumes(volumes)]
    if context.args.json:
        print_json({"removed": gone, "kept": _names(kept)})
        return 0
    if gone:
        print(f"Removed: {', '.join(gone)}.")
    if kept:
        print(f"Kept, because a container uses it: {', '.join(_names(kept))}.")
    return 0


def _counted(images: Sequence[object], noun: str = "image") -> str:
    return f"{len(images)} {noun}{'' if len(images) == 1 else 's'}"


def _names(stored: list[Stored]) -> list[str]:
    return [reference for each in stored for reference in each.references]


def _file(context: Context) -> tuple[Path, list[str]]:
    """Split the words after `save` and `load` into the file and the rest."""
    from pathlib import Path

    from checker.errors import MisuseError

    action = context.args.action
    if not context.args.names:
        raise MisuseError(
            f"`lab images {action}` needs a file.",
            remedy=f"For example: lab images {action} bundles/drydock.tar.gz",
        )
    first, *names = context.args.names
    return Path(first), names


def _tell(context: Context, provided: list[Provided]) -> int:
    if context.args.json:
        print_json(provided)
    else:
        for each in provided:
            print(f"{each.reference} {each.origin}")
    return 0

"""The actions of `lab class` that hold a class, and remove it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

    from checker.classroom.serving import Opened
    from checker.classroom.shelf import Shelf
    from checker.cli.context import Context


def add_arguments(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add a parser for each of these actions."""
    common(_add_serve(actions))
    purge = actions.add_parser(
        "purge",
        help="remove the class of this machine",
        description="Remove the class of this machine: names, verdicts, messages, its certificate and its key.",
    )
    common(purge)


def _add_serve(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Take the class, its address, and what the room may fetch."""
    serve = actions.add_parser(
        "serve",
        help="hold a class: learners join, and a board on this machine shows where they are",
        description="Hold a class until Ctrl-C. Learners join with the string that is printed. Only this machine can open "
        "the board. What learners' machines sent is kept on disk: the same command continues the class after a restart. "
        "The room can also fetch the pages, a bundle and images from this machine.",
    )
    serve.add_argument("--name", default="", help="the name of a new class")
    serve.add_argument("--address", metavar="ADDRESS", help="this machine's address in the room's network")
    serve.add_argument(
        "--port",
        type=int,
        default=0,
        help="the port for the network; by default the one of last time, or 8443",
    )
    serve.add_argument(
        "--labs",
        metavar="LAB,LAB",
        default="",
        help="the labs whose images the room can fetch from this machine, such as 1-3",
    )
    serve.add_argument(
        "--bundle", metavar="FILE", help="the file of `lab class bundle` that the room can fetch"
    )
    serve.add_argument("--no-pages", action="store_true", help="do not give the room the course's pages")
    serve.add_argument(
        "--own-values",
        action="store_true",
        help="give each learner values of their own, such as names and ports, in the labs that have them",
    )
    serve.add_argument("--new", action="store_true", help="set the earlier class aside and begin a new one")
    return serve


LOCK = "class-serve.lock"
"""What is locked in the state folder by a command that uses the class's folder: two would take each other's place."""


def _alone(context: Context, doing: str) -> contextlib.AbstractContextManager[None]:
    """Give what holds the class of this machine for one command; another that holds it is named in the error."""
    from checker.scene.locks import locked

    return locked(context.places.state / LOCK, doing)


def serve(context: Context) -> int:
    """Hold a class until Ctrl-C."""
    with _alone(context, "lab class serve"):
        return _serve(context)


def _serve(context: Context) -> int:
    import asyncio
    import contextlib

    from checker.classroom.register import FOLDER
    from checker.classroom.serving import address_of_room
    from checker.classroom.serving import serve as hold
    from checker.errors import MisuseError

    args, folder = context.args, context.places.state / FOLDER
    address = args.address or address_of_room()
    if address.startswith("127.") and not args.address:
        raise MisuseError(
            "This machine has no default route, so its address in the room is not known.",
            remedy="Connect it, or name its address in the room: lab class serve --address 192.168.1.5 "
            "(to try alone: --address 127.0.0.1)",
        )
    if args.new and folder.exists():
        _set_aside(context, folder)

    with contextlib.ExitStack() as until:
        shelf = _shelf(context, until)

        def tell(opened: Opened) -> None:
            _tell(opened, shelf)

        asyncio.run(
            hold(
                folder,
                context.catalogue,
                address=address,
                port=args.port,
                name=args.name,
                tell=tell,
                shelf=shelf,
                own_values=args.own_values,
            )
        )
    return 0


def _set_aside(context: Context, folder: Path) -> None:
    """Keep the files of an earlier class beside the folder."""
    import datetime as dt

    stamp = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    aside = folder.rename(folder.with_name(f"{folder.name}-{stamp}"))
    context.say(f"the previous class is in {aside.name}")


def _shelf(context: Context, until: contextlib.ExitStack) -> Shelf:
    """Make ready what the room may fetch; the registry runs until the stack is left."""
    from pathlib import Path

    from checker.classroom import registry
    from checker.classroom.register import FOLDER
    from checker.classroom.shelf import Bundle, Shelf
    from checker.errors import LabError
    from checker.images.catalogue import Images
    from checker.site import build

    args = context.args
    bundle = Bundle.of(Path(args.bundle).expanduser()) if args.bundle else None
    port, images = 0, []
    if words := args.labs.replace(",", " ").split():
        labs = context.catalogue.several(words)
        known = Images(context.places.root)
        images = known.resolve(dict.fromkeys(name for lab in labs for name in lab.images))
        port = until.enter_context(registry.serving(context, context.places.state / FOLDER, images))
    pages = None
    if not args.no_pages:
        try:
            build.build(context.places)
            pages = build.html(context.places)
        except LabError as error:
            context.say(f"note: the room gets no pages. {error.what}")
    names = frozenset(image.reference.rpartition(":")[0] for image in images)
    return Shelf(bundle=bundle, pages=pages, registry=port, images=names)


def _tell(opened: Opened, shelf: Shelf) -> None:
    """Say how the class is reached."""
    from checker.classroom.serving import qr_lines
    from checker.classroom.shelf import BUNDLE, PAGES

    at = f"https://{opened.invitation.place}"
    print(f"{opened.name}\nBoard, on this machine alone: {opened.board}")
    print(f"For the projector, on this machine alone: {opened.projector}\n")
    print("Learners type this, or scan it:\n")
    print(f"  lab class join {opened.invitation.text}\n")
    if sys.stdout.isatty():
        print(qr_lines(opened.invitation.text))
    if shelf.bundle is not None:
        print(
            f"A machine that has nothing yet ({shelf.bundle.size / 1e6:.0f} MB; again after an interruption):\n"
        )
        # With -f, an answer that says no is not written into the file, where -C - would continue it.
        print(f"  curl -fk --pinnedpubkey sha256//{opened.key_pin} -C - -o drydock-room.pyz {at}{BUNDLE}")
        print("  python3 drydock-room.pyz\n")
    if shelf.pages is not None:
        print(f"The pages: {at}{PAGES}/ (browsers warn: the class made its certificate itself)")
    if shelf.registry:
        print(f"Images: `lab` fetches them from here once a machine has joined ({len(shelf.images)} names).")
    if opened.own_values:
        print("Each learner has values of their own, in the labs that have such values.")
    print("Ctrl-C ends it; what was sent is kept, and the same command goes on.", flush=True)


def purge(context: Context) -> int:
    """Remove a class."""
    with _alone(context, "lab class purge"):
        return _purge(context)


def _purge(context: Context) -> int:
    import re
    import shutil

    from checker.classroom.register import FOLDER
    from checker.errors import MisuseError, not_written

    # Beside them is what `lab class deploy` keeps: the passcodes of a class on a cluster.
    ours = re.compile(rf"{FOLDER}(-\d{{8}}-\d{{6}})?")
    state = context.places.state
    folders = sorted(path for path in state.glob(f"{FOLDER}*") if ours.fullmatch(path.name) and path.is_dir())
    if not folders:
        raise MisuseError("This machine has no class.", remedy="`lab class serve` begins one.")
    context.confirm(
        f"This removes {', '.join(folder.name for folder in folders)} with names, verdicts and messages."
    )
    _purge_registry(context)
    for folder in folders:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise not_written(folder, error) from error
        print(f"removed: {folder}")
    return 0


def _purge_registry(context: Context) -> None:
    from checker.classroom import registry
    from checker.classroom.register import FOLDER
    from checker.errors import LabError

    try:
        folder = context.places.state / FOLDER
        if registry.purge(context.engine, folder):
            print(f"removed: the volume {registry.name_of(folder)}")
    except LabError as error:
        # A class without images needs no engine, and then there is nothing to remove.
        context.say(f"note: the engine was not asked for the class's images. {error.what}")

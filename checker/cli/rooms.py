"""The actions of `lab class` that hold a class, and those of a learner in one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    import contextlib
    from collections.abc import Callable

    from checker.classroom.outbox import Membership, Outbox
    from checker.classroom.serving import Opened
    from checker.classroom.shelf import Shelf
    from checker.cli.context import Context


def add_arguments(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add a parser for each of these actions."""
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
    common(serve)
    join = actions.add_parser(
        "join",
        help="learners: join a class",
        description="Join a class with the string from the teacher's page. From then on, your verdicts, that you asked for "
        "a hint, and that you ask for help are sent to the teacher's machine, and nothing else, until you leave the class.",
    )
    join.add_argument("invitation", metavar="JOIN-STRING", help="what the teacher's page shows")
    join.add_argument("--name", help="your name, as your teacher knows it; otherwise you are asked")
    common(join)
    for name, text in (
        (
            "status",
            "learners: the class that you are in, what waits to be sent, and the teacher's last message",
        ),
        ("leave", "learners: leave the class; nothing more is sent"),
    ):
        common(actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."))
    fetch = actions.add_parser(
        "fetch",
        help="learners: fetch the bundle from the teacher's machine",
        description="Fetch the bundle from the teacher's machine, for another machine or another day. An interrupted "
        "download continues. A file with a wrong byte is thrown away.",
    )
    fetch.add_argument(
        "--to", metavar="FILE", default="drydock-room.pyz", help="the file; drydock-room.pyz by default"
    )
    common(fetch)
    hand = actions.add_parser(
        "hand", help="learners: ask for help", description="Tell the teacher that you need help."
    )
    hand.add_argument("--down", action="store_true", help="say that you no longer need it")
    common(hand)
    purge = actions.add_parser(
        "purge",
        help="remove the class of this machine",
        description="Remove the class of this machine: names, verdicts, messages, its certificate and its key.",
    )
    common(purge)


def serve(context: Context) -> int:
    """Hold a class until Ctrl-C."""
    import asyncio
    import contextlib
    import datetime as dt

    from checker.classroom.register import FOLDER
    from checker.classroom.serving import address_of_room
    from checker.classroom.serving import serve as hold
    from checker.errors import MisuseError

    args, folder = context.args, context.places.state / FOLDER
    if args.new and folder.exists():
        stamp = dt.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        folder.rename(folder.with_name(f"{FOLDER}-{stamp}"))
        context.say(f"the class of before is in {FOLDER}-{stamp}")
    address = args.address or address_of_room()
    if address.startswith("127.") and not args.address:
        raise MisuseError(
            "This machine is in no network, so nobody could join.",
            remedy="Connect it, or try alone: lab class serve --address 127.0.0.1",
        )

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
    print(f"{opened.name}\nBoard, on this machine alone: {opened.board}\n")
    print("Learners type this, or scan it:\n")
    print(f"  lab class join {opened.invitation.text}\n")
    if sys.stdout.isatty():
        print(qr_lines(opened.invitation.text))
    if shelf.bundle is not None:
        print(
            f"A machine that has nothing yet ({shelf.bundle.size / 1e6:.0f} MB; again after an interruption):\n"
        )
        print(f"  curl -k --pinnedpubkey sha256//{opened.key_pin} -C - -o drydock-room.pyz {at}{BUNDLE}")
        print("  python3 drydock-room.pyz\n")
    if shelf.pages is not None:
        print(f"The pages: {at}{PAGES}/ (browsers warn: the class made its certificate itself)")
    if shelf.registry:
        print(f"Images: `lab` fetches them from here once a machine has joined ({len(shelf.images)} names).")
    if opened.own_values:
        print("Each learner has values of their own, in the labs that have such values.")
    print("Ctrl-C ends it; what was sent is kept, and the same command goes on.", flush=True)


def join(context: Context) -> int:
    """Join a class and start what sends."""
    import contextlib
    import secrets

    from checker.classroom import calling, sender
    from checker.classroom.outbox import Outbox
    from checker.errors import MisuseError

    args, name = context.args, context.args.name
    with contextlib.closing(Outbox(context.places.state)) as outbox:
        member = outbox.membership()
        if name is None and member is not None:
            name = member.name
        if name is None and sys.stdin.isatty() and sys.stderr.isatty():
            print("Your name, as your teacher knows it: ", end="", file=sys.stderr, flush=True)
            name = sys.stdin.readline().strip()
        if not name:
            raise MisuseError("The class needs a name.", remedy="lab class join JOIN-STRING --name 'Ada L'")
        joined = calling.join(outbox, args.invitation, name, secrets.token_hex(16))
    running = sender.start(context.places)
    if joined.secret:
        print(f"You are in {joined.class_name} as {joined.name}.")
        if joined.values:
            print("In some labs, your task has values of its own here. `lab start` shows them.")
    else:
        print(
            f"Somebody in {joined.class_name} is called {joined.name}. The teacher has been asked whether that is you; "
            "you need do nothing."
        )
    print(
        "From now on your verdicts and hints are sent to the teacher's machine. `lab class leave` ends that."
    )
    if not running:
        context.say("note: what sends them could not be started; `lab class status` tries again")
    return 0


def status(context: Context) -> int:
    """Say which class this is, and what waits."""
    import msgspec

    from checker.classroom import sender
    from checker.course.values import noted
    from checker.render.style import printable

    with _member(context) as (outbox, member):
        waiting, refused = outbox.counts()
    running = sender.start(context.places)
    if context.args.json:
        known = {
            "class": member.class_name,
            "name": member.name,
            "admitted": member.admitted,
            "waiting": waiting,
            "refused": refused,
            "message": member.message_text,
            "trouble": member.trouble,
            "sender": running,
        }
        print(msgspec.json.encode(known).decode())
        return 0
    if member.admitted:
        print(printable(f"You are in {member.class_name} as {member.name}."))
    else:
        print(printable(f"You asked to join as {member.name}; the teacher has not said yes yet."))
    print(f"{waiting} to be sent." + (f" {refused} were not taken by the class." if refused else ""))
    if member.trouble:
        print(printable(f"The last try failed: {member.trouble}"))
    if noted(context.places.state):
        print("In some labs, your task has values of its own here. `lab values 1` shows those of lab 1.")
    if member.message_text:
        print(printable(f"The teacher says: {member.message_text}"))
    return 0


def hand(context: Context) -> int:
    """Ask for help, or no longer."""
    from checker.classroom import sender

    with _member(context) as (outbox, _):
        outbox.raise_hand(up=not context.args.down)
    sender.start(context.places)
    print(
        "The teacher sees that you no longer need help."
        if context.args.down
        else "The teacher sees that you need help."
    )
    return 0


def fetch(context: Context) -> int:
    """Fetch the bundle."""
    from pathlib import Path

    from checker.classroom.protocol import invitation
    from checker.classroom.shelf import BUNDLE
    from checker.web.download import digest_of, download

    file = Path(context.args.to).expanduser()
    with _member(context) as (_, member):
        to = invitation(member.invitation).server
    sha256, size = digest_of(to, BUNDLE)
    told = -1

    def progress(have: int, every: int) -> None:
        nonlocal told
        if every and have * 10 // every > told:
            told = have * 10 // every
            context.say(f"{have / 1e6:.0f} of {every / 1e6:.0f} MB")

    download(to, BUNDLE, file, sha256, progress=progress)
    print(f"{file}: {size / 1e6:.0f} MB, complete. On a machine: python3 {file.name}")
    return 0


def leave(context: Context) -> int:
    """Leave the class."""
    with _member(context) as (outbox, member):
        waiting, _ = outbox.counts()
        if waiting:
            context.confirm(f"{waiting} things were not sent to the class yet and would be forgotten.")
        outbox.leave()
    print(f"You have left {member.class_name or 'the class'}. Nothing more is sent.")
    return 0


def purge(context: Context) -> int:
    """Remove a class."""
    import shutil

    from checker.classroom.register import FOLDER
    from checker.errors import MisuseError, not_written

    folders = sorted(path for path in context.places.state.glob(f"{FOLDER}*") if path.is_dir())
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


class _member:  # noqa: N801 - used like a function
    """Gives the outbox and the class that this machine is in, and closes the outbox."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> tuple[Outbox, Membership]:
        from checker.classroom.outbox import Outbox
        from checker.errors import MisuseError

        self._outbox = Outbox(self._context.places.state)
        member = self._outbox.membership()
        if member is None:
            self._outbox.close()
            raise MisuseError("You are in no class.", remedy="Join one: lab class join JOIN-STRING")
        return self._outbox, member

    def __exit__(self, *_: object) -> None:
        self._outbox.close()

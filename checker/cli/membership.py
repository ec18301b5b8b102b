"""The actions of `lab class` for a learner: join a class, see its state, fetch from it, ask for help, leave it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from checker.classroom.outbox import Membership, Outbox
    from checker.classroom.protocol import Joined, Message
    from checker.cli.context import Context
    from checker.course.places import Places


def add_arguments(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    common: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add a parser for each of these actions."""
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
            "learners: the class that you are in, what waits to be sent, and the teacher's last messages",
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


def join(context: Context) -> int:
    """Join a class and start what sends."""
    import secrets

    from checker.classroom import calling, sender
    from checker.classroom.outbox import Outbox
    from checker.classroom.protocol import invitation
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
        waiting, _ = outbox.counts()
        if waiting and member and not member.remains(invitation(args.invitation), name):
            context.confirm(
                f"What was not sent yet for {member.name} in {member.class_name or 'the class'} ({waiting}) would be forgotten."
            )
        joined = calling.join(outbox, args.invitation, name, secrets.token_hex(16))
    running = sender.start(context.places)
    if context.args.json:
        admitted = bool(joined.secret)
        print_json({"class": joined.class_name, "name": joined.name, "admitted": admitted, "sender": running})
        return 0
    _tell_joined(joined)
    if not running:
        context.say("note: the program that sends them could not be started; `lab class status` tries again")
    return 0


def _tell_joined(joined: Joined) -> None:
    if joined.secret:
        print(f"You are in {joined.class_name} as {joined.name}.")
        if joined.values:
            print("In some labs, this class gives you values of your own. `lab start` shows them.")
    else:
        print(
            f"Somebody in {joined.class_name} is called {joined.name}. The teacher was asked whether that is you; "
            "you do not need to do anything."
        )
    print(
        "From now on your verdicts and hints are sent to the teacher's machine. `lab class leave` ends that."
    )


def status(context: Context) -> int:
    """Say which class this is, and what waits."""
    from checker.classroom import sender
    from checker.course.values import noted
    from checker.errors import LabError
    from checker.render.style import printable

    with _member(context) as (outbox, member):
        waiting, refused = outbox.counts()
        # Those that were not shown are the last ones.
        why, messages = outbox.refusal(), max(outbox.messages(), outbox.unread(), key=len)
        with contextlib.suppress(LabError):  # a full disk is no reason to say nothing
            outbox.was_shown(outbox.unread())
    running = sender.start(context.places)
    if context.args.json:
        known = {
            "class": member.class_name,
            "name": member.name,
            "admitted": member.admitted,
            "waiting": waiting,
            "refused": refused,
            "refusal": why,
            "message": member.message_text,
            "messages": messages,
            "trouble": member.trouble,
            "sender": running,
        }
        print_json(known)
        return 0
    if member.admitted:
        print(printable(f"You are in {member.class_name} as {member.name}."))
    elif member.trouble:
        # The last try says why: perhaps the teacher has said no.
        print(printable(f"You asked to join as {member.name}."))
    else:
        print(printable(f"You asked to join as {member.name}; the teacher has not said yes yet."))
    print(f"{waiting} to be sent.")
    if refused:
        print(
            printable(f"Since you joined, the class has not taken {refused}. Of the last one it said: {why}")
        )
        print(
            "If it is another version: ask the teacher for the course as the class has it, and check again."
        )
    if member.trouble:
        print(printable(f"The last try failed: {member.trouble}"))
    if noted(context.places.state):
        print("In some labs, this class gives you values of your own. `lab values 1` shows those of lab 1.")
    if member.message_text and not messages:
        print(printable(f"The teacher says: {member.message_text}"))
    _tell_messages(messages)
    return 0


def _tell_messages(messages: list[Message]) -> None:
    import datetime as dt

    from checker.render.style import printable

    for each in messages:
        # The time is the teacher's; a machine in another zone shows it in its own.
        at = dt.datetime.fromisoformat(each.at).astimezone()
        day = "" if at.date() == dt.datetime.now(at.tzinfo).date() else f"{at:%Y-%m-%d} "
        print(printable(f"The teacher says ({day}{at:%H:%M}): {each.text}"))


def tell_unread(places: Places) -> None:
    """Print the teacher's messages that the learner has not seen, after a verdict. Nothing fails because of them.

    Args:
        places: of this machine.
    """
    from checker.classroom.waking import FILE

    if not (places.state / FILE).is_file():
        return
    import sqlite3

    from checker.classroom.outbox import Outbox
    from checker.errors import LabError

    with (
        contextlib.suppress(LabError, sqlite3.Error, ValueError),
        contextlib.closing(Outbox(places.state)) as outbox,
    ):
        unread = outbox.unread()
        _tell_messages(unread)
        outbox.was_shown(unread)


def hand(context: Context) -> int:
    """Ask for help, or no longer."""
    from checker.classroom import sender
    from checker.render.style import printable

    up = not context.args.down
    with _member(context) as (outbox, member):
        outbox.raise_hand(up=up)
    running = sender.start(context.places)
    if context.args.json:
        print_json({"hand": up, "admitted": member.admitted, "trouble": member.trouble, "sender": running})
        return 0
    what = f"that you {'need' if up else 'no longer need'} help"
    if member.trouble and not member.admitted:
        # Perhaps the teacher has said no.
        print(printable(f"The teacher does not see it: {member.trouble}"))
    elif member.trouble:
        # It was kept, and nobody has it yet.
        print(f"It is sent when the class answers: {what}.")
        print(printable(f"The last try failed: {member.trouble}"))
    elif not member.admitted:
        print(f"The teacher has not let this machine in yet. After that, the teacher sees {what}.")
    else:
        print(f"If the class can be reached, the teacher sees in a few seconds {what}.")
        print("`lab class status` says whether it was sent.")
    if not running:
        context.say("note: the program that sends it could not be started; `lab class status` tries again")
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
    if context.args.json:
        print_json({"file": str(file), "size": size, "sha256": sha256})
    else:
        print(f"{file}: {size / 1e6:.0f} MB, complete. On a machine: python3 {file.name}")
    return 0


def leave(context: Context) -> int:
    """Leave the class."""
    with _member(context) as (outbox, member):
        waiting, _ = outbox.counts()
        if waiting:
            context.confirm(f"{waiting} things were not sent to the class yet and would be forgotten.")
        outbox.leave()
    if context.args.json:
        print_json({"class": member.class_name, "forgotten": waiting})
    else:
        print(f"You have left {member.class_name or 'the class'}. Nothing more is sent.")
    return 0


@contextlib.contextmanager
def _member(context: Context) -> Iterator[tuple[Outbox, Membership]]:
    """Give the outbox and the class that this machine is in.

    Raises:
        MisuseError: it is in none.
    """
    from checker.classroom.outbox import Outbox
    from checker.errors import MisuseError

    with contextlib.closing(Outbox(context.places.state)) as outbox:
        member = outbox.membership()
        if member is None:
            raise MisuseError("You are in no class.", remedy="Join one: lab class join JOIN-STRING")
        yield outbox, member

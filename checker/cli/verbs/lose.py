"""Lose a node of a lab: a machine dies, for real, with everything on it. Without a name, the lot decides which.

What it means for the lab's users is on the lab's timeline. `--back` brings a lost node back, as `lab start` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

    from checker.course.catalogue import Lab
    from checker.engine.api import Engine

SUMMARY = "lose a node of a lab, or bring it back"
EXAMPLE = "lab lose 6 host-3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, the node, and the direction."""
    add_lab(parser)
    node = parser.add_argument("node", metavar="NODE", nargs="?", default="", help="which; otherwise any")
    node.completer = complete_nodes  # type: ignore[attr-defined]
    parser.add_argument(
        "--back", action="store_true", help="bring it back; every lost one, when none is named"
    )


def run(args: argparse.Namespace) -> int:
    """Kill the node, or start it again, and mark the moment in the lab's timeline."""
    from checker.cli.context import Context
    from checker.scene import loss

    context = Context(args)
    lab = context.lab()
    context.require_started(lab)
    number = int(lab.number)
    with context.scene(lab).lock("lose", context.say):
        if args.back:
            chosen = [loss.choose(context.engine, lab, args.node, running=False)]
            if not args.node:
                chosen = [node for node in loss.find_nodes(context.engine, lab) if not node.running]
            for node in chosen:
                context.say(f"bringing {node.name} back")
                loss.bring_back(context.engine, lab, node, context.say)
                mark(context.engine, lab, f"{node.name} back")
        else:
            chosen = [loss.choose(context.engine, lab, args.node)]
            # Before it happens: what fails because of it must not come before its mark.
            mark(context.engine, lab, f"{chosen[0].name} lost")
            loss.lose(context.engine, chosen[0])
    names = [node.name for node in chosen]
    if args.json:
        import msgspec

        print(msgspec.json.encode({"lab": lab.slug, "nodes": names, "lost": not args.back}).decode())
        return 0
    for name in names:
        print(f"{name} is back." if args.back else f"{name} is lost.")
    if not args.back:
        print(f"  {f'lab lose {number} {names[0]} --back':<26} brings it back")
    return 0


def mark(engine: Engine, lab: Lab, text: str) -> None:
    """Leave a mark in each of the lab's timelines; a node is lost also while nobody records it."""
    import contextlib

    from checker.engine.shell import Shell
    from checker.errors import LabError
    from checker.timeline.traffic import Traffic, find_all

    for item in find_all(engine, lab.project).values():
        with contextlib.suppress(LabError):
            shell = Shell(engine, item["Id"])
            try:
                Traffic(shell).mark(text)
            finally:
                shell.close()


def complete_nodes(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return what a shell may complete a node's name to."""
    from checker.course.catalogue import Catalogue
    from checker.course.places import find
    from checker.engine.api import connect
    from checker.errors import LabError
    from checker.scene.loss import find_nodes

    try:
        nodes = find_nodes(connect(), Catalogue(find()).find(parsed_args.lab))
    except LabError:
        return []
    return [node.name for node in nodes if node.name.startswith(prefix)]

"""Start a lab: its containers and your work folder. Then say what to do next.

If the lab is already running, whatever has stopped is started again, and your work stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_force, add_lab, print_json

if TYPE_CHECKING:
    import argparse

    from checker.scene.chosen import Wish
    from checker.session.operations import Started

SUMMARY = "start a lab"
EXAMPLE = "lab start 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, which of its ways to start, and whether to start it even if it does not fit."""
    add_lab(parser)
    parser.add_argument(
        "--with",
        dest="ways",
        metavar="WAY,WAY",
        action="append",
        help="in a lab with several ways to its goal: the ways to start; they replace others that are running",
    )
    parser.add_argument(
        "--context",
        metavar="NAME",
        help="in the Kubernetes lab: run it on the cluster of this context in your kubeconfig, until `lab stop`",
    )
    parser.add_argument(
        "--namespace",
        metavar="NAME",
        help="with --context: the lab's namespace there; drydock-NN by default",
    )
    parser.add_argument(
        "--image-prefix",
        metavar="REGISTRY/NAME",
        help="with --context: the prefix under which the cluster's nodes pull Parcel's images",
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Start the lab and say what to do next."""
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.session.operations import StartRequest, start

    context = Context(args)
    wake(context.places)
    ways = tuple(name for words in args.ways or () for name in words.split(","))
    started = start(context, context.lab(), StartRequest(ways, wish(args), force=args.force))
    if args.json:
        lab = started.lab
        record = {
            "lab": lab.slug,
            "work": str(started.work),
            "ports": lab.ports,
            "ways": lab.chosen,
            "values": lab.shown_values,
            "notes": started.notes,
        }
        print_json(record)
    else:
        _tell(started)
    return 0


def _tell(started: Started) -> None:
    """Say that a lab is ready, what to know about this machine, and what to type next."""
    from checker.course.choice import notes
    from checker.render.style import style_of
    from checker.render.values import own_values_lines

    lab, style = started.lab, style_of()
    number = int(lab.number)
    print(style.paint(f"Lab {lab.number} is ready: {lab.toml.title}", "green", "bold"))
    for note in [*notes(lab), *started.notes]:
        print("\n".join(style.wrap(note, "  ", first="  ")))
    for line in own_values_lines(lab, style):
        print(line)
    for words, what in (
        (f"lab open {number}", "the lesson"),
        (f"lab shell {number}", "a shell with every tool"),
        (f"lab check {number}", "a verdict, as often as you like"),
        (f"lab hint {number}", "when you are stuck"),
    ):
        print("\n".join(style.wrap(what, " " * 17, first=f"  {words:<14} ")))
    print(f"Your files: {started.work}")


def wish(args: argparse.Namespace) -> Wish | None:
    """Return the learner's own cluster, if they named one.

    Raises:
        MisuseError: an option needs --context, which is missing.
    """
    from checker.errors import MisuseError
    from checker.scene.chosen import Wish

    if args.context is None:
        if args.namespace or args.image_prefix:
            raise MisuseError(
                "--namespace and --image-prefix need --context, which names the cluster.",
                remedy="For instance: lab start 10 --context kind-kind",
            )
        return None
    return Wish(args.context, args.namespace or "", args.image_prefix or "")

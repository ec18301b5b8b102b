"""Remove a lab's containers, networks, volumes and the images you built in it. Your files stay.

Only what carries the lab's label is removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "remove a lab's containers; your files stay"
EXAMPLE = "lab stop 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)
    parser.add_argument(
        "--take",
        action="store_true",
        help="stop it even if another checkout or person on this engine started it",
    )


def run(args: argparse.Namespace) -> int:
    """Stop the lab."""
    from checker.cli.context import Context
    from checker.session.operations import stop

    context = Context(args)
    lab = context.lab()
    removed = stop(context, lab, take=args.take).removed
    if args.json:
        print_json({"lab": lab.slug, "removed": removed})
    elif removed:
        print(f"Lab {lab.number} is stopped; removed: {', '.join(removed)}.")
    else:
        print(f"Lab {lab.number} was not running, so nothing was removed.")
    return 0

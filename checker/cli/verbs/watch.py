"""Check again whenever something changes, so that you always see the current verdict.

On a terminal, single keys work: h hint, a explain all, c check now, r reset, n next lab, q quit. Checks that break
something, such as a node, run only when you press c, so nothing is broken while you work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "check again whenever something changes"
EXAMPLE = "lab watch 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab and when to end."""
    add_lab(parser)
    parser.add_argument("--until-passed", action="store_true", help="stop when every check passes")


def run(args: argparse.Namespace) -> int:
    """Watch until the person quits."""
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.cli.watching import Watching
    from checker.session.preparing import require_started

    context = Context(args)
    wake(context.places)
    lab = context.lab()
    require_started(context, lab)
    return Watching(context, lab, until_passed=args.until_passed).run()

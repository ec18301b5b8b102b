"""Check what you built. For each problem, show the reason and the evidence.

Exit codes: 0 every check passed, 1 a check failed, 3 there is no verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "check what you built"
EXAMPLE = "lab check 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab or one of its steps, and how to report."""
    add_lab(parser, "the lab, or one of its steps, such as 3.2")
    parser.add_argument("--all", action="store_true", help="explain every problem, not only the first one")
    parser.add_argument("--junit", metavar="FILE", help="also write JUnit XML to this file")


def _asked(args: argparse.Namespace) -> int | None:
    """Ask the service of the live page, if one runs; it judges with the same code, and has imported it already."""
    import sys
    from pathlib import Path

    import checker
    from checker.bootstrap import ask
    from checker.course.places import find

    # `lab` itself has asked before it started this process, where it could.
    words = sys.argv[1:]
    if args.verb != "check" or not ask.is_simple(words) or words[1] != args.lab:
        return None
    state = find().state
    return ask.verdict(str(Path(checker.__file__).resolve().parents[1]), str(state), words)


def run(args: argparse.Namespace) -> int:
    """Check once and show the report."""
    if (code := _asked(args)) is not None:
        if not args.json:
            from checker.cli.membership import tell_unread
            from checker.course.places import find

            tell_unread(find())
        return code
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.cli.membership import tell_unread
    from checker.render.report import report_lines
    from checker.render.style import style_of
    from checker.session.judging import check

    context = Context(args)
    wake(context.places)
    lab, step = context.catalogue.find_step(args.lab)
    with context.trying_shown():
        report = check(context, lab, step=step)
    if args.junit:
        from pathlib import Path

        from checker.render.junit import write_junit

        write_junit(report, Path(args.junit))
    if args.json:
        print_json(report)
    else:
        print("\n".join(report_lines(report, style_of(), everything=args.all)))
        tell_unread(context.places)
    return int(report.exit_code)

"""Put a worked answer in place: your files are set aside, the lab starts again, and the solution is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_force, add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "put a worked answer in place"
EXAMPLE = "lab solve 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)
    add_force(parser)
    parser.add_argument("--show", action="store_true", help="print the answer and change nothing")


def run(args: argparse.Namespace) -> int:
    """Show the solution, or put it in place."""
    from checker.cli.context import Context
    from checker.render.answer import answer_lines
    from checker.render.style import style_of
    from checker.session.operations import solve

    context = Context(args)
    lab = context.lab()
    if args.show:
        context.confirm(f"This shows the whole answer to lab {lab.number}.")
        context.progress.record_solution(lab.slug)
        print("\n".join(answer_lines(lab.solution, style_of())))
        return 0
    context.confirm(f"Lab {lab.number} starts again with a worked answer in place; your files are set aside.")
    done = solve(context, lab, force=args.force)
    if not args.json:
        print("\n".join(answer_lines(lab.solution, style_of())))
        print(f"It is in place now; see it pass: lab check {int(lab.number)}")
    if done.aside:
        print(f"Your files were set aside: {done.aside}")
    return 0

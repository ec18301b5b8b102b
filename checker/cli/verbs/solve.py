"""Apply the solution: your files are set aside, the lab is reset, and the solution is put in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_force, add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "apply the solution"
EXAMPLE = "lab solve 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)
    add_force(parser)
    parser.add_argument("--show", action="store_true", help="print the solution and change nothing")


def run(args: argparse.Namespace) -> int:
    """Show the solution, or apply it."""
    from checker.cli.context import Context
    from checker.render.answer import answer_lines, answer_record
    from checker.render.style import style_of
    from checker.session.operations import solve

    context = Context(args)
    lab = context.lab()
    if args.show:
        context.confirm(f"This shows the whole solution of lab {lab.number}.")
        context.progress.record_solution(lab.slug)
        if args.json:
            print_json({"lab": lab.slug, **answer_record(lab.solution)})
        else:
            print("\n".join(answer_lines(lab.solution, style_of())))
        return 0
    context.confirm(f"This resets lab {lab.number}, sets your files aside and applies the solution.")
    done = solve(context, lab, force=args.force)
    if args.json:
        aside = str(done.aside) if done.aside else None
        print_json({"lab": lab.slug, "set_aside": aside})
        return 0
    print("\n".join(answer_lines(lab.solution, style_of())))
    print(f"The solution is in place. See it pass: lab check {int(lab.number)}")
    if done.aside:
        print(f"Your files were set aside: {done.aside}")
    return 0

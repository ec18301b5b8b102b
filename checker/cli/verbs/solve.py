"""Put a worked answer in place: your files are set aside, the lab starts anew, and the solution is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "put a worked answer in place"
EXAMPLE = "lab solve 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)
    parser.add_argument("--show", action="store_true", help="print the answer and change nothing")


def run(args: argparse.Namespace) -> int:
    """Reset, apply the solution, show it."""
    from checker.cli.context import Context
    from checker.course.choice import keep
    from checker.render.answer import answer_lines
    from checker.render.style import style_of

    context = Context(args)
    lab = context.lab()
    answer = lab.solution
    if args.show:
        context.confirm(f"This shows the whole answer to lab {lab.number}.")
        context.progress.record_solution(lab.slug)
        print("\n".join(answer_lines(answer, style_of())))
        return 0
    context.confirm(f"Lab {lab.number} starts anew with a worked answer in place; your files are set aside.")
    lab = context.for_answer(lab, answer)
    context.ensure_images(lab)
    keep(context.places, lab)
    scene = context.scene(lab)
    aside = scene.reset(context.say)
    context.say("applying the answer")
    scene.apply(answer)
    context.progress.record_solution(lab.slug)
    if not args.json:
        print("\n".join(answer_lines(answer, style_of())))
        print(f"It is in place now; see it pass: lab check {int(lab.number)}")
    if aside:
        print(f"Your files were set aside: {aside}")
    return 0

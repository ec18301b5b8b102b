"""Give the next hint for the first check that fails: an idea, then where to look, then a similar step worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "give the next hint"
EXAMPLE = "lab hint 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)


def run(args: argparse.Namespace) -> int:
    """Check, find the first problem, and give its next hint."""
    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.cli.membership import tell_unread
    from checker.render.style import style_of
    from checker.session.judging import hint

    context = Context(args)
    wake(context.places)
    lab = context.lab()
    with context.trying_shown():
        found = hint(context, lab)
    if args.json:
        record = {
            "lab": lab.slug,
            "check": found.check if found else None,
            "rung": found.rung if found else 0,
            "hint": found.text if found else "",
        }
        print_json(record)
        return 0
    tell_unread(context.places)
    if found is None:
        print(f"Every check of lab {lab.number} passes. There is nothing left to hint at.")
        return 0
    style = style_of()
    print(style.paint(f"About: {found.title}", "bold"))
    print("\n".join(style.wrap(found.text, "  ")))
    if found.rung < found.rungs:
        print(style.paint(f"Still stuck? `lab hint {int(lab.number)}` says more.", "dim"))
    else:
        print(style.paint(f"`lab solve {int(lab.number)}` shows a whole answer.", "dim"))
    return 0

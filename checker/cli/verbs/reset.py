"""Reset a lab to its beginning. Your files are copied aside first; the command says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_force, add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "reset a lab to its beginning"
EXAMPLE = "lab reset 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Reset the lab."""
    from checker.cli.context import Context
    from checker.session.operations import reset

    context = Context(args)
    lab = context.lab()
    made = context.scene(lab).learners_containers()
    what = f" and removes the containers {', '.join(made)}" if made else ""
    context.confirm(f"Resetting lab {lab.number} sets your files aside{what}.")
    done = reset(context, lab, force=args.force)
    if args.json:
        aside = str(done.aside) if done.aside else None
        print_json({"lab": lab.slug, "set_aside": aside})
        return 0
    print(f"Lab {lab.number} is back at its beginning.")
    if done.aside:
        print(f"Your files were set aside: {done.aside}")
    return 0

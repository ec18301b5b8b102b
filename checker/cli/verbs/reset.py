"""Put a lab back to its beginning. Your files are copied aside first, and you are told where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "put a lab back to its beginning"
EXAMPLE = "lab reset 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)


def run(args: argparse.Namespace) -> int:
    """Reset the scene."""
    from checker.cli.context import Context

    context = Context(args)
    lab = context.lab()
    made = context.scene(lab).learners_containers()
    what = f" and the containers {', '.join(made)} are removed" if made else ""
    context.confirm(f"Lab {lab.number} goes back to its beginning; your files are set aside{what}.")
    context.require_room(lab)
    context.ensure_images(lab)
    aside = context.scene(lab).reset(context.say)
    context.progress.forget_hints(lab.slug)
    if args.json:
        import msgspec

        print(msgspec.json.encode({"lab": lab.slug, "set_aside": str(aside) if aside else None}).decode())
        return 0
    print(f"Lab {lab.number} is at its beginning.")
    if aside:
        print(f"Your files were set aside: {aside}")
    return 0

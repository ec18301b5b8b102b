"""Show the values that a lab has for you: in some classes, names and ports differ from learner to learner.

Your teacher decides this when the class begins. Without such a class, everybody has the values of the lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "show your own values in a class"
EXAMPLE = "lab values 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab."""
    add_lab(parser)


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from checker.cli.context import Context
    from checker.render.style import style_of
    from checker.render.values import own_values_lines

    lab = Context(args).lab()
    if args.json:
        print_json({"lab": lab.slug, "own": bool(lab.seed), "values": lab.shown_values})
        return 0
    print(
        "\n".join(
            [f"Lab {lab.number}: {lab.toml.title}", *own_values_lines(lab, style_of())]
            if lab.seed
            else [f"In lab {lab.number}, your values are those of the lesson."]
        )
    )
    return 0

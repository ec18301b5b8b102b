"""List the labs and your progress in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "list the labs and your progress"
EXAMPLE = "lab list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print one row for each lab."""
    from checker.cli.context import Context
    from checker.render.catalogue import list_lines
    from checker.render.style import style_of
    from checker.session.preparing import lacking as lacking_of

    context = Context(args)
    rows = [(lab, context.progress.standing(lab.slug)) for lab in context.catalogue]
    lacking = {lab.slug: what for lab, _ in rows if (what := lacking_of(context, lab))}
    if args.json:
        records = [
            {
                "lab": lab.slug,
                "title": lab.toml.title,
                "minutes": lab.toml.minutes,
                "ways": lab.chosen,
                "standing": standing,
                "lacking": lacking.get(lab.slug, ""),
                "measurements": context.progress.measurements(lab.slug),
            }
            for lab, standing in rows
        ]
        print_json(records)
        return 0
    print("\n".join(list_lines(rows, style_of(), lacking)))
    return 0

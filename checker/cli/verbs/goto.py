"""Reset a lab to the start of one of its steps. Your files are copied aside first; the command says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_force, add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "reset a lab to the start of a step"
EXAMPLE = "lab goto 3.2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab and step."""
    add_lab(parser, "the lab and the step, such as 3.2")
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Reset the lab to the step."""
    from checker.cli.context import Context
    from checker.errors import MisuseError
    from checker.session.operations import reset

    context = Context(args)
    lab, step = context.catalogue.find_step(args.lab)
    if not step:
        raise MisuseError(
            f"Name a step of lab {lab.number}.", remedy=f"For instance: lab goto {int(lab.number)}.2"
        )
    context.confirm(f"This resets lab {lab.number} to the start of step {step} and sets your files aside.")
    done = reset(context, lab, step, force=args.force)
    if args.json:
        aside = str(done.aside) if done.aside else None
        print_json({"lab": lab.slug, "step": step, "set_aside": aside})
        return 0
    print(f"Lab {lab.number} is at the start of step {step}: {lab.toml.steps[step - 1].title}")
    if done.aside:
        print(f"Your files were set aside: {done.aside}")
    return 0

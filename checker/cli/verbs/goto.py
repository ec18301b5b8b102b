"""Put a lab where one of its steps begins. Your files are copied aside first, and you are told where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab

if TYPE_CHECKING:
    import argparse

SUMMARY = "put a lab where a step begins"
EXAMPLE = "lab goto 3.2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab and step."""
    add_lab(parser, "the lab and the step, such as 3.2")


def run(args: argparse.Namespace) -> int:
    """Reset the scene and bring it to the step."""
    from checker.cli.context import Context
    from checker.course.choice import keep
    from checker.errors import MisuseError

    context = Context(args)
    lab, step = context.catalogue.find_step(args.lab)
    if not step:
        raise MisuseError(
            f"Name a step of lab {lab.number}.", remedy=f"For instance: lab goto {int(lab.number)}.2"
        )
    context.confirm(f"Lab {lab.number} goes to where step {step} begins; your files are set aside.")
    lab = context.for_answer(lab, lab.step_answer(step))
    context.require_room(lab)
    context.ensure_images(lab)
    keep(context.places, lab)
    aside = context.scene(lab).reset(context.say, step)
    if args.json:
        import msgspec

        print(
            msgspec.json.encode(
                {"lab": lab.slug, "step": step, "set_aside": str(aside) if aside else None}
            ).decode()
        )
        return 0
    print(f"Lab {lab.number} is where step {step} begins: {lab.toml.steps[step - 1].title}")
    if aside:
        print(f"Your files were set aside: {aside}")
    return 0

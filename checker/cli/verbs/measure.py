"""Measure a lab on this machine and write the figures into its lab.toml and its lesson's table of facts.

The lab is started, solved, measured and removed, with a separate work folder. With --facts, nothing is measured:
only the table is written again, from lab.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import complete, complete_labs, print_json

if TYPE_CHECKING:
    import argparse

    from checker.cli.context import Context
    from checker.course.catalogue import Lab
    from checker.course.model import Measured

SUMMARY = "measure a lab's time, memory and disk"
EXAMPLE = "lab measure 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the labs, and whether to measure at all."""
    argument = parser.add_argument(
        "labs", metavar="LAB", nargs="*", help="labs to measure; all of them if you name none"
    )
    complete(argument, complete_labs)
    parser.add_argument(
        "--facts", action="store_true", help="only write the table of facts from lab.toml, without measuring"
    )


def run(args: argparse.Namespace) -> int:
    """Measure and record."""
    from checker.authoring.facts import write_facts
    from checker.authoring.measure import record
    from checker.cli.context import Context

    context = Context(args)
    labs = [context.catalogue.find(name) for name in args.labs] or list(context.catalogue)
    labs = [lab.with_seed("") for lab in labs]  # the lesson has the lesson's values
    found: dict[str, Measured | None] = {}
    for lab in labs:
        if args.facts:
            found[lab.slug] = lab.toml.measured
            files = [write_facts(context.places, lab)]
        else:
            measured = _measure(context, lab)
            found[lab.slug] = measured
            files = record(context.places, lab, measured)
        if not args.json:
            if (seen := found[lab.slug]) is not None:
                print(
                    f"Lab {lab.number}: ready in {seen.start_s} s, {seen.memory_mb} MB of memory, "
                    f"{seen.disk_mb} MB of images, checked in {seen.check_s} s"
                )
            print("\n".join(f"  wrote {file}" for file in files), flush=True)
    if args.json:
        print_json(found)
    return 0


def _measure(context: Context, lab: Lab) -> Measured:
    from checker.authoring.measure import measure
    from checker.authoring.prove import scratch_scene
    from checker.session.preparing import ensure_images

    # Its figures are those for a learner who does not choose ways.
    lab = lab.with_ways(lab.toml.usual)
    scene = context.scene(lab)
    if scene.services():
        context.confirm(f"Lab {lab.number} is running. Measuring stops it and removes its containers.")
    ensure_images(context, lab)
    return measure(scratch_scene(scene), context.say)

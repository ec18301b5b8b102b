"""Create a lab from the template: scene, task, answers, checks and lesson. `lab verify` succeeds on it unchanged.

The name is a topic in lower-case letters with dashes. A number in front becomes the lab's number; without it,
the lab gets the next free number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "create a lab from the template"
EXAMPLE = 'lab new 18-my-topic --title "My topic"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab's name and title."""
    parser.add_argument("name", metavar="SLUG", help="the topic, such as my-topic or 18-my-topic")
    parser.add_argument("--title", default="", help="the title; made from the topic if not given")


def run(args: argparse.Namespace) -> int:
    """Create the lab and say what to do next."""
    from checker.authoring.new import make
    from checker.cli.context import Context

    made = make(Context(args).places, args.name, args.title)
    if args.json:
        record = {"lab": made.lab.slug, "folder": str(made.lab.folder), "lesson": str(made.lesson)}
        print_json(record)
        return 0
    number = int(made.lab.number)
    print(f"created {made.lab.folder}\n        {made.lesson}\n        {made.facts}")
    print(f"Next: lab verify {number}")
    print(f"Then add the lesson, lessons/{made.lesson.name}, to three lists:")
    print("  `nav` in mkdocs.yml, the table in docs/lessons/index.md, and the table in README.md")
    return 0

"""Make a lab from the template: scene, task, answers, checks and lesson, which verify as they are.

The name is a topic in small letters with dashes; a number in front chooses the lab's number, else the next
free one is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "make a lab from the template"
EXAMPLE = 'lab new 18-my-topic --title "My topic"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab's name and title."""
    parser.add_argument("name", metavar="SLUG", help="its topic, such as my-topic or 18-my-topic")
    parser.add_argument("--title", default="", help="its title; made from the topic when left out")


def run(args: argparse.Namespace) -> int:
    """Make the lab and say how to go on."""
    from checker.authoring.new import make
    from checker.cli.context import Context

    made = make(Context(args).places, args.name, args.title)
    if args.json:
        import msgspec

        record = {"lab": made.lab.slug, "folder": str(made.lab.folder), "lesson": str(made.lesson)}
        print(msgspec.json.encode(record).decode())
        return 0
    number = int(made.lab.number)
    print(f"made {made.lab.folder}\n     {made.lesson}\n     {made.facts}")
    print(f"Go on: lab verify {number}")
    print(f"Then name the lesson under `nav` in mkdocs.yml: lessons/{made.lesson.name}")
    return 0

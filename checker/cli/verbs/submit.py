"""Pack your answer to a lab into one file for your teacher: the verdict, the files of your work folder, and the commands that you typed in the lab's toolbox.

What is packed is shown first, and you are asked. Nothing is sent.
Links, devices and files of more than 5 MB are left out; the list says so. Commands that you typed elsewhere than
in `lab shell` or the page's terminal are not recorded, so they cannot be packed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

    from checker.classroom.handing_in import Packing
    from checker.cli.context import Context

SUMMARY = "pack your answer into one file for a teacher"
EXAMPLE = "lab submit 3 --name 'Ada L'"

_SHOWN = 40
"""How many files and commands are listed unless all are asked for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, and who hands in."""
    add_lab(parser)
    parser.add_argument(
        "--name",
        help="your name, as your teacher knows it; without it, your name in a class with values of your own, or you are asked",
    )
    parser.add_argument(
        "--id", default="", help="your number or account at the school, which gradebooks find you by"
    )
    parser.add_argument(
        "--to", metavar="DIR", default=".", help="the folder to write the file to; the current one by default"
    )
    parser.add_argument("--all", action="store_true", help="list every file and every command")


def run(args: argparse.Namespace) -> int:
    """Collect, show, ask and write."""
    import sys
    from pathlib import Path

    from checker.classroom.handing_in import collect
    from checker.classroom.names import key
    from checker.cli.context import Context
    from checker.errors import MisuseError

    context = Context(args)
    lab = context.lab()
    known = _known_as(context) if lab.seed else ""
    name = args.name or known
    if known and args.name and key(args.name) != key(known):
        context.say(
            f"note: your values in this class belong to {known}. An answer under another name is graded with other values."
        )
    if not name and sys.stdin.isatty() and sys.stderr.isatty():
        print("Your name, as your teacher knows it: ", end="", file=sys.stderr, flush=True)
        name = sys.stdin.readline()
    if not name:
        raise MisuseError("Your teacher needs a name.", remedy=f"lab submit {args.lab} --name 'Ada L'")
    packing = collect(context, lab, name, args.id)
    print("\n".join(_lines(packing, most=None if args.all else _SHOWN)), file=sys.stderr)
    context.confirm("Write the file?")
    file = packing.write(Path(args.to).expanduser())
    if args.json:
        print_json({"file": str(file), "submission": packing.submission})
    else:
        print(f"{file}\nGive this file to your teacher.")
    return 0


def _known_as(context: Context) -> str:
    """Return the name that the learner has in the class that gave them values."""
    import contextlib

    from checker.classroom.outbox import Outbox

    with contextlib.closing(Outbox(context.places.state)) as outbox:
        member = outbox.membership()
    return member.name if member else ""


def _lines(packing: Packing, most: int | None) -> list[str]:
    from checker.render.style import printable
    from checker.results import Status

    submission = packing.submission
    passed = len(submission.report.having(Status.PASSED))
    lines = [
        f"Lab {packing.lab.number}, handed in by {submission.learner}",
        f"  the verdict: {passed} of {len(submission.report.checks)} checks passed; "
        f"{submission.attempts} attempts, {submission.hints} hints"
        + (", the solution was asked for" if submission.solved else ""),
        f"  files ({len(packing.files)}, {packing.size / 1000:.1f} KB):",
    ]
    lines += _some([f"    {name}" for name in packing.files], most)
    lines.append(f"  commands that you typed in the toolbox ({len(submission.typed)}):")
    lines += _some(
        ["    " + printable(each.text).replace("\n", "\n      ") for each in submission.typed], most
    )
    if submission.left_out:
        lines.append("  left out:")
        lines += _some([f"    {printable(each)}" for each in submission.left_out], most)
    return lines


def _some(lines: list[str], most: int | None) -> list[str]:
    if most is None or len(lines) <= most:
        return lines
    return [*lines[:most], f"    and {len(lines) - most} more; --all lists them"]

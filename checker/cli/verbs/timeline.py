"""Draw the results of requests to a lab's service: which version answered when, which requests failed, and what happened.

Labs with traffic send requests from the moment they start, and record the results: 20 a second, each on a new
connection, and 5 a second on one connection that is kept alive. Failures are red and have their own signs. Times when
the sender itself could not send do not count as failures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import add_lab, print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "draw the results of requests to a lab's service"
EXAMPLE = "lab timeline 9 --since 5m"

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, the time, and a file for the drawing."""
    add_lab(parser)
    parser.add_argument(
        "--since", metavar="TIME", default="10m", help="how far back: 90s, 5m, 1h or all; 10m by default"
    )
    parser.add_argument(
        "--of",
        metavar="NAME",
        default="",
        help="which service, in a lab that compares several",
    )
    parser.add_argument("--svg", metavar="FILE", help="also draw it into this SVG file")


def run(args: argparse.Namespace) -> int:
    """Read the record and draw it."""
    from checker.cli.context import Context
    from checker.session.looking import timeline_of

    context = Context(args)
    lab = context.lab()
    seconds = seconds_of(args.since)
    timeline = timeline_of(context, lab, name=args.of, seconds=seconds)
    if args.svg:
        from pathlib import Path

        from checker.errors import MisuseError
        from checker.render.timeline_svg import timeline_svg

        try:
            Path(args.svg).write_text(timeline_svg(timeline, lab.number), encoding="utf-8")
        except OSError as error:
            raise MisuseError(f"{args.svg} cannot be written: {error.strerror}.") from error
        context.say(f"wrote {args.svg}")
    if args.json:
        from checker.timeline.summary import summarize

        print_json(summarize(timeline))
        return 0
    from checker.render.style import style_of
    from checker.render.timeline import timeline_lines

    print("\n".join(timeline_lines(timeline, lab.number, style_of())))
    return 0


def seconds_of(text: str) -> float | None:
    """Return a length of time in seconds; None means everything.

    Raises:
        MisuseError: the text is not a length of time.
    """
    from checker.errors import MisuseError

    if text == "all":
        return None
    number, unit = text[:-1], UNITS.get(text[-1:])
    if unit and number.isdecimal() and int(number):
        return int(number) * unit
    raise MisuseError(f"--since takes a time such as 90s, 5m, 1h or all, not `{text}`.")

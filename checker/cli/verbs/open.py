"""Open a lesson in the browser, or print its address.

The pages are built if they changed, and served on this machine until `lab down`. In the page you see the checks as they
change, and can work in the lab's terminal. The address works once, within a minute: the browser that opens it can use the labs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import complete, complete_labs

if TYPE_CHECKING:
    import argparse

SUMMARY = "open a lesson in the browser"
EXAMPLE = "lab open 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the lab, if any, and whether to open a browser."""
    lab = parser.add_argument(
        "lab",
        metavar="LAB",
        nargs="?",
        help="the lab's number, slug, or the beginning of its name; without it, the home page opens",
    )
    complete(lab, complete_labs)
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="print the address, do not open a browser"
    )


def run(args: argparse.Namespace) -> int:
    """Start the site if it is not running, then open or print the address."""
    import json
    import os
    import sys
    import webbrowser

    from checker.classroom.waking import wake
    from checker.cli.context import Context
    from checker.errors import LabError
    from checker.live import opening, server
    from checker.site import pages

    context = Context(args)
    wake(context.places)
    lab = context.lab() if args.lab else None
    site = server.start(context.places)
    address = site.opening(lab)
    if args.json:
        print(json.dumps({"url": address}))
        return 0
    print(address)
    if not args.only_print and sys.stdout.isatty() and pages.can_show(os.environ):
        try:
            webbrowser.open(opening.write(context.places, address).as_uri())
        except LabError as error:
            context.say(
                f"note: the browser was not opened; open the address above. {error.what} {error.remedy}"
            )
    return 0

"""`lab open`: shows a lesson in the browser, or says where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "Open a lesson in the browser, or print its address"
EXAMPLE = "lab open 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `lab open` takes."""
    parser.add_argument(
        "lab", nargs="?", help="number, name or beginning of a name; without it, the home page"
    )
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="print the address, open nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Start the site when it is not running, then open or print the address."""
    import json
    import os
    import sys
    import webbrowser

    from checker.course import places
    from checker.course.catalogue import Catalogue
    from checker.site import pages, server

    here = places.find()
    lab = Catalogue(here).find(args.lab) if args.lab else None
    site = server.start(here)
    address = pages.lesson(site.url, lab) if lab else site.url
    if args.json:
        print(json.dumps({"url": address}))
        return 0
    print(address)
    if not args.only_print and sys.stdout.isatty() and pages.can_show(os.environ):
        webbrowser.open(address)
    return 0

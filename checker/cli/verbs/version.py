"""Print the version of the course."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SUMMARY = "print the version"
EXAMPLE = "lab version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from checker import __version__

    if args.json:
        import json

        print(json.dumps({"drydock": __version__}))
    else:
        print(f"drydock {__version__}")
    return 0

"""Examine this machine: say what is missing for the labs, and what to do about it. Nothing is changed.

Exit codes: 0 labs can run, 3 something would stop a lab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cli.context import print_json

if TYPE_CHECKING:
    import argparse

SUMMARY = "check whether this machine can run the labs"
EXAMPLE = "lab doctor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Examine and show the findings."""
    from checker.cli.context import Context
    from checker.doctor.run import examine, stops_a_lab
    from checker.errors import ExitCode
    from checker.render.findings import finding_lines
    from checker.render.style import style_of

    context = Context(args)
    findings = examine(context.places)
    if args.json:
        print_json(findings)
    else:
        print("\n".join(finding_lines(findings, style_of())))
    return int(ExitCode.COULD_NOT_RUN if stops_a_lab(findings) else ExitCode.OK)

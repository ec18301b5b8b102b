"""The command line: finds the verb, runs it, and turns every ending into an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from checker.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lab` and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_ARGCOMPLETE" in os.environ:
        from checker.cli.completion import complete

        complete()
    from checker.cli.parser import parse

    verbose = False
    try:
        args = parse(words)
        verbose = args.verbose
        return int(args.run(args))
    except LabError as error:
        if verbose:
            raise
        _tell(error)
        return int(error.code)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)


def _tell(error: LabError) -> None:
    from checker.render.style import printable, style_of

    style = style_of(sys.stderr)
    lines = style.wrap(printable(error.what), "  ", first=style.symbol("✘", "x") + " ")
    lines[0] = style.paint(lines[0], "red")
    if error.detail:
        lines += [
            f"    {style.paint(style.symbol('│', '|'), 'dim')} {line}"
            for line in printable(error.detail).splitlines()
        ]
    if error.remedy:
        arrow = style.symbol("→", "->")
        rows = style.wrap(printable(error.remedy), "    ", first=f"  {arrow} ")
        rows[0] = rows[0].replace(arrow, style.paint(arrow, "cyan"), 1)
        lines += rows
    print("\n".join(lines), file=sys.stderr)

"""The command line: finds the verb, runs it, and turns every ending into an exit code."""

from __future__ import annotations

import os
import re
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
        _look_around()
        verbose = args.verbose
        return int(args.run(args))
    except LabError as error:
        if verbose:
            _show_traceback()
        _tell(error)
        return int(error.code)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which means that a check failed
        if verbose:
            _show_traceback()
        _tell(unforeseen(error))
        return int(ExitCode.COULD_NOT_RUN)


def _look_around() -> None:
    """Tell of a terminal that does not stand where its person believes, and go on from a folder that is there."""
    from pathlib import Path

    try:
        here = Path.cwd()
    except FileNotFoundError:
        os.chdir(Path(__file__).resolve().parents[2])
        print("note: the folder that this terminal stands in was removed; go to another: cd", file=sys.stderr)
        return
    for folder in (here, *here.parents):
        if folder.parent.name == "set-aside":
            lab = folder.parent.parent / re.sub(r"-\d{4}-\d\d-\d\d-\d{6}(-\d+)?$", "", folder.name)
            print(
                f"note: this terminal stands in files that were set aside; the lab's own are elsewhere: cd {lab}",
                file=sys.stderr,
            )


def unforeseen(error: Exception) -> LabError:
    """Return what is told of an error that `lab` was not made for."""
    import traceback
    from pathlib import Path

    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return LabError(
        f"lab was not made for this: {type(error).__name__}: {error}{where}.",
        remedy="This is a fault of lab, not of your answer. Please report it with what --verbose shows.",
    )


def _show_traceback() -> None:
    import traceback

    traceback.print_exc()


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

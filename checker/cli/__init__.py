"""The command line: finds the verb, runs it, and turns every result and every error into an exit code."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from checker.bootstrap import streams
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
    except Exception as error:  # noqa: BLE001 - Python would end with 1, which means that a check failed
        if isinstance(error, OSError) and streams.has_failed():
            return int(ExitCode.OK)  # it is about our output: `streams.finish` judges that
        if verbose:
            _show_traceback()
        _tell(unforeseen(error))
        return int(ExitCode.COULD_NOT_RUN)


def _look_around() -> None:
    """Warn if the terminal's folder was removed or set aside, and continue in a folder that exists."""
    import shlex
    from pathlib import Path

    try:
        here = Path.cwd()
    except FileNotFoundError:
        os.chdir(Path(__file__).resolve().parents[2])
        print(
            "note: the current folder of this terminal was removed; change to another one: cd",
            file=sys.stderr,
        )
        return
    for folder in (here, *here.parents):
        if folder.parent.name == "set-aside":
            lab = folder.parent.parent / re.sub(r"-\d{4}-\d\d-\d\d-\d{6}(-\d+)?$", "", folder.name)
            print(
                f"note: this terminal is in a folder that was set aside; the lab's files are now in another: cd {shlex.quote(str(lab))}",
                file=sys.stderr,
            )


def unforeseen(error: Exception) -> LabError:
    """Return the message for an error that `lab` did not expect."""
    import traceback
    from pathlib import Path

    from checker.cli.shortage import shortage

    if (short := shortage(error)) is not None:
        return short
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return LabError(
        f"lab did not expect this error: {type(error).__name__}: {error}{where}.",
        remedy="This is a bug in lab, not a mistake in your answer. Please report it with the output of --verbose.",
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

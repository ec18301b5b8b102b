"""What the verbs share: a session on the course, progress messages, and questions to the user."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from checker.course.catalogue import Catalogue, Lab
from checker.course.places import find
from checker.errors import MisuseError
from checker.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator


class ProgressPrinter:
    """Progress lines on stderr, with the time since the command began on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._start = time.monotonic()
        self._quiet = quiet

    def __call__(self, line: str) -> None:
        """Print one line."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            print(f"{time.monotonic() - self._start:6.1f} s  {line}", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


class Context(Session):
    """A session that prints and asks on the terminal.

    Args:
        args: the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(ProgressPrinter(quiet=bool(getattr(args, "json", False))))
        self.args = args

    def lab(self) -> Lab:
        """Return the lab that the command line names."""
        return self.catalogue.find(self.args.lab)

    @contextlib.contextmanager
    def trying_shown(self) -> Iterator[None]:
        """Show which check is running while the block runs."""
        from checker.render.trying import Trying

        with Trying(sys.stderr, quiet=bool(getattr(self.args, "json", False))) as self.trying:
            yield

    def agrees(self, question: str) -> bool:
        """Ask on the terminal and return the answer; with `--yes` it is yes, without a terminal it is no."""
        if self.args.yes:
            return True
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def confirm(self, question: str) -> None:
        """Ask on the terminal; with `--yes` the answer is yes.

        Raises:
            MisuseError: there is no terminal and no `--yes`, or the answer is no.
        """
        if self.args.yes:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise MisuseError(f"{question} There is no terminal to ask on.", remedy="To go ahead, add --yes.")
        if not self.agrees(question):
            raise MisuseError("Nothing was done.")


def print_json(record: object, *, flush: bool = False) -> None:
    """Print a record as a line of JSON; at once with `flush`, for a script that reads while the command goes on."""
    import msgspec

    print(msgspec.json.encode(record).decode(), flush=flush)


def add_lab(
    parser: argparse.ArgumentParser, text: str = "the lab's number, slug, or the beginning of its name"
) -> None:
    """Add the argument that names a lab."""
    complete(parser.add_argument("lab", metavar="LAB", help=text), complete_labs)


def complete(argument: argparse.Action, names: Callable[..., list[str]]) -> None:
    """Let a shell complete an argument.

    Args:
        argument: the argument.
        names: returns the names that begin with its `prefix`.
    """
    # Where argcomplete looks for it.
    argument.completer = names  # type: ignore[attr-defined]


def complete_labs(prefix: str, **_: object) -> list[str]:
    """Return the names that a shell can complete to a lab."""
    folders = Catalogue(find()).folders
    names = [str(int(folder.name[:2])) for folder in folders] + [folder.name for folder in folders]
    return [name for name in names if name.startswith(prefix)]


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option that starts a lab even if it does not fit."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="start even if there is not enough memory or disk for the lab beside what is running",
    )
